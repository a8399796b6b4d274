import { quoted } from '../io/shell-word.js'
import type { CompletedCommand, CompletedOption, Values } from './command-tree.js'

/** The script for zsh. Evaluate it after compinit, or put it into $fpath as _molm. */
export function zshScript(commands: readonly CompletedCommand[]): string {
  const run = commands.find(({ name }) => name === 'run')
  return `#compdef molm
# Completion of molm for zsh. Written by \`molm completion zsh\`.
_molm_models() {
  local -a names
  names=(\${(f)"$(molm list --quiet 2>/dev/null | cut -f 1)"})
  compadd -a names
  _files
}

_molm() {
  local -a commands
  commands=(
${commands.map(({ name, summary }) => `    ${quoted(`${name}:${escaped(summary)}`)}`).join('\n')}
  )
  local command i
  for ((i = 2; i < CURRENT; i++)); do
    if [[ -n \${(M)commands:#\${words[i]}:*} ]]; then
      command=\${words[i]}
      words[i]=()
      ((CURRENT--))
      break
    fi
  done
  case $command in
${commands.map((command) => `    ${command.name})\n${argumentsOf(command)} ;;`).join('\n')}
    '')
      ((CURRENT == 2)) && _describe -t commands command commands
${run ? argumentsOf(run) : ''} ;;
  esac
}

if [[ $funcstack[1] == _molm ]]; then
  _molm "$@"
else
  compdef _molm molm
fi
`
}

function argumentsOf({ options, words }: CompletedCommand): string {
  const specs = [...options.flatMap(optionSpecs), `*:${typeof words === 'object' ? 'word' : words}:${actionOf(words)}`]
  return `      _arguments -s -S ${specs.map((spec) => `\\\n        ${quoted(spec)}`).join(' ')}`
}

/** After one flag of a switch the other is not offered. Options with values may be repeated. */
function optionSpecs({ flags, description, values }: CompletedOption): string[] {
  const value = values === undefined ? '' : `:${typeof values === 'object' ? 'value' : values}:${actionOf(values)}`
  return flags.map((flag) => {
    const others = values !== undefined ? '*' : flags.length > 1 ? `(${flags.join(' ')})` : ''
    const joined = values !== undefined && flag.startsWith('--') ? '=' : ''
    return `${others}${flag}${joined}[${escaped(description)}]${value}`
  })
}

function actionOf(values: Values): string {
  if (typeof values === 'object') return `(${values.choices.join(' ')})`
  return { model: '_molm_models', file: '_files', text: '_files' }[values]
}

/** Escapes the characters that mean something to _arguments. */
function escaped(text: string): string {
  return text.replace(/[\\[\]:]/g, '\\$&')
}
