import type { Argument, Command, Option } from 'commander'

/** What a shell may put in a place: one of some words, a model, a file, or nothing it could know. */
export type Values = { choices: readonly string[] } | 'model' | 'file' | 'text'

/** An option as it is completed. */
export interface CompletedOption {
  /** As they are typed: -m, --model. */
  flags: string[]
  description: string
  /** What follows it; undefined for a switch. */
  values?: Values
}

/** A command as it is completed. */
export interface CompletedCommand {
  name: string
  summary: string
  options: CompletedOption[]
  /** What its words are. */
  words: Values
}

/** The commands of a program, with all that a shell should know of them. */
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

/** By what the help calls them: `<model>`, `<file...>`, `[out]`. */
function namedValues(name: string): Values {
  if (/model/i.test(name.replace(/^.*[<[]/, ''))) return 'model'
  return /[<[](file|dir|folder|out)\b/.test(name) ? 'file' : 'text'
}

function wordsOf(words: readonly Argument[]): Values {
  const [first] = words
  if (!first) return 'text'
  if (first.argChoices) return { choices: first.argChoices }
  return ['model', 'repo', 'name'].includes(first.name()) ? 'model' : 'text'
}
