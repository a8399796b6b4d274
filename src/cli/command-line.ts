import { COMMANDS } from './commands.js'

const PROGRAM_OPTIONS = ['-h', '--help', '--version']

/** The command line with its command: what begins with no command, and asks for no help, is a prompt. */
export function spelledOut(args: readonly string[]): readonly string[] {
  if (args.length === 0) return process.stdin.isTTY ? ['--help'] : ['run']
  const [first, second] = args
  const asksForHelp = first === 'help' && (args.length === 1 || (args.length === 2 && isCommand(second)))
  return asksForHelp || isCommand(first) || PROGRAM_OPTIONS.includes(first) ? args : ['run', ...args]
}

export function isCommand(word: string | undefined): boolean {
  return COMMANDS.some(({ name }) => name === word)
}
