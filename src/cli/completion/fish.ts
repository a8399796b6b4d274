import { quoted } from '../io/shell-word.js'
import type { CompletedCommand, CompletedOption, Values } from './command-tree.js'

export function fishScript(commands: readonly CompletedCommand[]): string {
  const names = commands.map(({ name }) => name)
  const noneOf = (all: readonly string[]) => `not __fish_seen_subcommand_from ${all.join(' ')}`
  const lines = commands.flatMap((command) => {
    // Without a command, the words are a prompt: options of `run`.
    const isRun = command.name === 'run'
    const others = names.filter((name) => name !== 'run')
    const condition = isRun ? noneOf(others) : `__fish_seen_subcommand_from ${command.name}`
    return [
      line(noneOf(names), ['-a', command.name, '-d', command.summary]),
      ...command.options.map((option) => line(condition, optionWords(option))),
      ...wordLines(condition, command.words),
    ]
  })
  return `# Completion of molm for fish. Written by \`molm completion fish\`.
function __molm_models
    molm list --quiet 2>/dev/null | cut -f 1
end

${lines.join('\n')}
`
}

function line(condition: string, words: readonly string[]): string {
  return ['complete', '-c', 'molm', '-n', quoted(condition), ...words.map(plainOrQuoted)].join(' ')
}

function wordLines(condition: string, words: Values): string[] {
  if (words === 'model') return [line(condition, ['-a', MODELS])]
  return typeof words === 'object' ? [line(condition, ['-f', '-a', words.choices.join(' ')])] : []
}

const MODELS = '(__molm_models)'

function optionWords({ flags, description, values }: CompletedOption): string[] {
  const names = flags.flatMap((flag) => (flag.startsWith('--') ? ['-l', flag.slice(2)] : ['-s', flag.slice(1)]))
  return [...names, ...valueWords(values), '-d', description]
}

function valueWords(values: Values | undefined): string[] {
  if (values === undefined) return []
  if (typeof values === 'object') return ['-x', '-a', values.choices.join(' ')]
  return { model: ['-r', '-a', MODELS], file: ['-r', '-F'], text: ['-x'] }[values]
}

function plainOrQuoted(word: string): string {
  return /^[\w-]+$/.test(word) ? word : quoted(word)
}
