import type { CompletedCommand, Values } from './command-tree.js'

/*
 * Bash splits words at colons, which names of models contain. So the script takes the whole line and splits it at blanks
 * only. If the script offers nothing, bash offers names of files.
 */

/** The script for bash 3.2 and later. */
export function bashScript(commands: readonly CompletedCommand[]): string {
  const names = commands.map(({ name }) => name)
  const run = commands.find(({ name }) => name === 'run')
  return `# Completion of molm for bash. Written by \`molm completion bash\`.
_molm_models() {
  molm list --quiet 2>/dev/null | cut -f 1
}

# Files whose names have blanks would be taken for several words.
_molm_gguf() {
  compgen -f -X '!*.[gG][gG][uU][fF]' -- "$1" | grep -v '[[:blank:]]'
}

_molm() {
  local line=\${COMP_LINE:0:COMP_POINT} words cur prev command= word i offered= models=
  read -ra words <<< "$line"
  [[ $line == *' ' ]] && words+=('')
  cur=\${words[\${#words[@]}-1]}
  prev=\${words[\${#words[@]}-2]}
  COMPREPLY=()
  for ((i = 1; i < \${#words[@]} - 1; i++)); do
    case \${words[i]} in
      ${names.join('|')}) command=\${words[i]}; break ;;
    esac
  done
  if [[ $cur == --*=* ]]; then
    prev=\${cur%%=*}
    cur=\${cur#*=}
  fi
  case $command in
${commands.map((command) => commandCase(command.name, command)).join('\n')}
${run ? commandCase("''", run, names) : ''}
  esac
  if [[ -n $models ]]; then
    offered=$(_molm_models)
    COMPREPLY=($(compgen -W "$offered" -- "$cur") $(compgen -d -S / -- "$cur") $(_molm_gguf "$cur"))
    [[ \${#COMPREPLY[@]} == 1 && \${COMPREPLY[0]} == */ ]] && compopt -o nospace 2>/dev/null
  else
    COMPREPLY=($(compgen -W "$offered" -- "$cur"))
  fi
  # Bash replaces only what follows the last colon.
  if [[ $cur == *:* && $COMP_WORDBREAKS == *:* ]]; then
    word=\${cur%"\${cur##*:}"}
    COMPREPLY=("\${COMPREPLY[@]#"$word"}")
  fi
}

complete -o bashdefault -o default -F _molm molm
`
}

/** The case of a command: offers values after an option that takes one, options after a dash, else its arguments. */
function commandCase(pattern: string, { options, words }: CompletedCommand, more: readonly string[] = []): string {
  const byOffer = new Map<string, string[]>()
  for (const { flags, values } of options) {
    if (values !== undefined) byOffer.set(offer(values), [...(byOffer.get(offer(values)) ?? []), ...flags])
  }
  const flags = options.flatMap(({ flags }) => flags).join(' ')
  const rest = more.length > 0 ? `offered='${more.join(' ')}'` : offer(words)
  return `    ${pattern})
      case $prev in
${[...byOffer].map(([offered, after]) => `        ${after.join('|')}) ${offered} ;;`).join('\n')}
        *) if [[ $cur == -* ]]; then offered='${flags}'; else ${rest}; fi ;;
      esac ;;`
}

function offer(values: Values): string {
  if (typeof values === 'object') return `offered='${values.choices.join(' ')}'`
  return values === 'model' ? 'models=1' : ':'
}
