import type { Argument, Command, Option } from 'commander'

/** Values that a shell can offer: one of some words, a model, a file, or nothing for a free text. */
export type Values = { choices: readonly string[] } | 'model' | 'file' | 'text'

/** An option to complete. */
export interface CompletedOption {
  /** As typed: -m, --model. */
  flags: string[]
  description: string
  /** Its values; undefined for a switch. */
  values?: Values
}

/** A command to complete. */
export interface CompletedCommand {
  name: string
  summary: string
  options: CompletedOption[]
  /** Values of its arguments. */
  words: Values
}

/** The commands of a program, as a shell completes them. */
export function commandTree(program: Command): CompletedCommand[] {
  const commands = program.commands.map((command) => ({
    name: command.name(),
    summary: command.summary(),
    options: [...command.options.filter(({ hidden }) => !hidden).map(completed), HELP],
    words: wordsOf(command.registeredArguments),
  }))
  const help: CompletedCommand = {
    name: 'help',
    summary: 'print the help of a command',
    options: [],
    words: { choices: commands.map(({ name }) => name) },
  }
  return [...commands, help]
}

const HELP: CompletedOption = { flags: ['-h', '--help'], description: 'print this help' }

function completed({ short, long, description, required, optional, argChoices, flags }: Option): CompletedOption {
  const takesValue = required || optional
  return {
    flags: [short, long].filter((flag) => flag !== undefined),
    description,
    ...(takesValue && { values: argChoices ? { choices: argChoices } : namedValues(flags) }),
  }
}

/** Derives the values from their name in the help: `<model>`, `<file...>`, `<json|file>`, `[out]`. */
function namedValues(name: string): Values {
  if (/model/i.test(name.replace(/^.*[<[]/, ''))) return 'model'
  return /[<[](\w+\|)?(file|dir|folder|out)\b/.test(name) ? 'file' : 'text'
}

function wordsOf(words: readonly Argument[]): Values {
  const [first] = words
  if (!first) return 'text'
  if (first.argChoices) return { choices: first.argChoices }
  return ['model', 'repo', 'name'].includes(first.name()) ? 'model' : 'text'
}
