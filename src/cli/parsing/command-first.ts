import { Command } from 'commander'
import { COMMANDS, type LoadCommand } from './commands.js'

const HELP = ['-h', '--help']

/**
 * Moves the command in front of its options. A word is the command if only options of that command, and their values, come
 * before it: `--json list` becomes `list --json`, but in `--seed 1 list` the word is a prompt, since `list` has no --seed.
 */
export async function commandFirst(args: readonly string[], load: LoadCommand): Promise<readonly string[]> {
  if (!args[0]?.startsWith('-')) return args
  const end = args.includes('--') ? args.indexOf('--') : args.length
  for (const { name, alias } of COMMANDS) {
    const at = args.findIndex((word) => word === name || word === alias)
    if (at < 0 || at >= end) continue
    const command = new Command(name)
    ;(await load(name)).define(command)
    if (areOptionsOf(command, args.slice(0, at))) return [name, ...args.slice(0, at), ...args.slice(at + 1)]
  }
  return args
}

function areOptionsOf(command: Command, words: readonly string[]): boolean {
  for (let i = 0; i < words.length; i++) {
    const word = words[i]
    if (HELP.includes(word)) continue
    const flag = /^(--[^=]+|-[^-])/.exec(word)?.[0]
    const option = command.options.find(({ short, long }) => flag !== undefined && [short, long].includes(flag))
    if (!option) return false
    // The value is in the same word (--seed=1, -n5), or is the next word.
    if (option.required && word === flag && ++i === words.length) return false
  }
  return true
}
