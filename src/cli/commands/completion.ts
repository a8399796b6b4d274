import { Argument, type Command } from 'commander'
import { UsageError } from '../../ground/errors.js'
import { writeOut } from '../io/output.js'
import { addOutputOptions } from '../parsing/options.js'

export function define(command: Command): void {
  command
    .description(
      `Prints a script that completes commands, options, their values and names of models in a shell.\n${EXAMPLES}`,
    )
    .addArgument(new Argument('<shell>', 'the shell').choices(Object.keys(SCRIPTS)).argParser(scriptFor))
    .action(writeOut)
  addOutputOptions(command)
}

const EXAMPLES = `
Examples:
  eval "$(molm completion bash)"            in ~/.bashrc
  eval "$(molm completion zsh)"             in ~/.zshrc, after compinit
  molm completion fish > ~/.config/fish/completions/molm.fish`

function scriptFor(shell: string): string {
  const script = Object.entries(SCRIPTS).find(([name]) => name === shell)?.[1]
  if (script !== undefined) return script
  throw new UsageError(`there is no completion for '${shell}'; choose bash, zsh or fish`)
}

/*
 * Scripts that complete command lines in a shell. Each asks molm for what may take the place of the last word, and offers
 * files if molm offers nothing.
 */

/**
 * For bash 3.2 and later, which splits words at colons and signs of equality: the script splits the line at blanks only, and
 * takes away what bash does not replace. Names with blanks would be taken for several words.
 */
const BASH = `# Completion of molm for bash. Written by \`molm completion bash\`.
_molm() {
  local line=\${COMP_LINE:0:COMP_POINT} breaks=\${COMP_WORDBREAKS//[^:=]/} words cur word before=
  read -ra words <<< "$line"
  [[ $line == *' ' ]] && words+=('')
  cur=\${words[\${#words[@]}-1]}
  [[ -n $breaks ]] && before=\${cur%"\${cur##*[$breaks]}"}
  COMPREPLY=()
  while IFS=$'\\t' read -r word _; do
    [[ $word == "$cur"* && $word != *' '* ]] && COMPREPLY+=("\${word#"$before"}")
  done < <(molm complete -- "\${words[@]:1}" 2>/dev/null)
  [[ \${#COMPREPLY[@]} == 1 && \${COMPREPLY[0]} == */ ]] && compopt -o nospace 2>/dev/null
}

complete -o bashdefault -o default -F _molm molm
`

/** To be evaluated after compinit, or put into $fpath as _molm. */
const ZSH = `#compdef molm
# Completion of molm for zsh. Written by \`molm completion zsh\`.
_molm() {
  local -a offered folders
  local word description
  while IFS=$'\\t' read -r word description; do
    if [[ $word == */ ]]; then folders+=("$word"); else offered+=("\${word//:/\\\\:}\${description:+:$description}"); fi
  done < <(molm complete -- "\${(@)words[2,CURRENT-1]}" "$PREFIX" 2>/dev/null)
  if (( $#offered + $#folders == 0 )); then
    _files
  else
    _describe -t values value offered
    compadd -S '' -a folders
  fi
}

if [[ $funcstack[1] == _molm ]]; then
  _molm "$@"
else
  compdef _molm molm
fi
`

const FISH = `# Completion of molm for fish. Written by \`molm completion fish\`.
function __molm_complete
    set -l words (commandline -opc)
    set -e words[1]
    set -l word (commandline -ct)
    set -l offered (molm complete -- $words "$word" 2>/dev/null)
    if set -q offered[1]
        printf '%s\\n' $offered
    else
        __fish_complete_path "$word"
    end
end

complete -c molm -f -a '(__molm_complete)'
`

const SCRIPTS = { bash: BASH, zsh: ZSH, fish: FISH }
