import { UsageError } from '../../ground/errors.js'
import { nearest } from '../../ground/spelling.js'
import { COMMANDS, type CommandName } from './commands.js'

export const HELP = ['-h', '--help']
const VERSION = ['-V', '-v', '--version']

/** Spells out the command. A command line that neither begins with a command nor asks for help is a prompt. */
export function spelledOut(args: readonly string[]): readonly string[] {
  if (args.length === 0) return process.stdin.isTTY ? ['--help'] : ['run']
  const [first, ...rest] = args
  if (VERSION.includes(first)) return ['--version']
  if (HELP.includes(first)) return args
  if (first === 'help' && (rest.length <= 1 || (rest.length === 2 && rest[1] === 'all'))) return helpOf(rest)
  const command = commandNamed(first)
  return command === undefined ? ['run', ...args] : [command, ...rest]
}

/** The command line for `help` and these words. An unknown command stays as it is, for `checkHelp`. */
function helpOf([word, ...all]: readonly string[]): readonly string[] {
  if (word === undefined) return ['--help']
  const command = commandNamed(word)
  return command === undefined ? ['help', word] : [command, '--help', ...all]
}

/** Whether a command line asks for completions: a shell does, in the scripts of `molm completion`. */
export function asksToComplete(args: readonly string[]): boolean {
  return args[0] === 'complete' && args[1] === '--'
}

/** The name of the command that a word calls, by its name or its alias. */
export function commandNamed(word: string | undefined): CommandName | undefined {
  return COMMANDS.find(({ name, alias }) => word !== undefined && [name, alias].includes(word))?.name
}

/** Rejects with a UsageError if `help` is asked for an unknown command. */
export async function checkHelp([first, second]: readonly string[]): Promise<void> {
  if (first !== 'help' || second === undefined || commandNamed(second)) return
  const { insteadOf } = await import('./foreign-commands.js')
  const instead = await insteadOf([second])
  const meant = nearCommand(second)
  throw new UsageError(
    `'${second}' is not a command; ${instead ?? (meant ? `did you mean 'molm help ${meant}'?` : 'see molm --help')}`,
  )
}

/** The command that a mistyped word probably means, as it is typed after `molm`; undefined if none is near. */
export function nearCommand(word: string): string | undefined {
  if (word === 'version') return '--version'
  return nearest(
    word,
    COMMANDS.flatMap(({ name, alias }) => [name, ...(alias ? [alias] : [])]).filter((name) => name.length > 2),
  )
}
