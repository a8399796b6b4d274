import type { EventEmitter } from 'node:events'
import { existsSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { asksForAll, layOutHelp } from './cli/help-pages.js'
import { reportError } from './cli/io/errors.js'
import { toleratePipes } from './cli/io/output.js'
import { asksToComplete, checkHelp, commandNamed, HELP, spelledOut } from './cli/parsing/command-line.js'
import { COMMANDS, type CommandFile, type CommandName, type LoadCommand } from './cli/parsing/commands.js'
import { setDefaults } from './cli/parsing/defaults.js'
import { withOrigin } from './cli/parsing/options.js'
import { settingsPath } from './ground/files/home.js'
import { molmVersion } from './ground/version.js'

/** The file of each command, read only when the command is called: a short run does not wait for the others. */
const FILES: Record<CommandName, () => Promise<CommandFile>> = {
  run: () => import('./cli/commands/run/run.js'),
  chat: () => import('./cli/commands/chat.js'),
  serve: () => import('./cli/commands/serve.js'),
  experts: () => import('./lab/commands/experts/experts.js'),
  trace: () => import('./lab/commands/experts/trace.js'),
  show: () => import('./cli/commands/show.js'),
  pull: () => import('./cli/commands/pull.js'),
  update: () => import('./cli/commands/update.js'),
  list: () => import('./cli/commands/list.js'),
  rm: () => import('./cli/commands/rm.js'),
  convert: async () => {
    const { commandWith } = await import('./cli/commands/convert.js')
    return commandWith(() => import('./lab/commands/convert-bits.js'))
  },
  eval: () => import('./lab/commands/eval.js'),
  bench: () => import('./lab/commands/bench.js'),
  classify: () => import('./lab/commands/classify.js'),
  prune: () => import('./lab/commands/prune.js'),
  graft: () => import('./lab/commands/graft.js'),
  teach: () => import('./lab/commands/teach.js'),
  config: () => import('./cli/commands/config/config.js'),
  site: () => import('./cli/commands/site.js'),
  completion: () => import('./cli/commands/completion.js'),
}

export const loadCommand = (name: CommandName): Promise<CommandFile> => FILES[name]()

/**
 * Runs a command line, given without node and script, and sets the exit code of the process. Does not call
 * process.exit(), which could lose output.
 */
export async function main(args: readonly string[]): Promise<void> {
  toleratePipes()
  const given = await commandFirst(args, loadCommand)
  const words = spelledOut(given)
  const called = commandNamed(words[0])
  // `molm Hello`, without `run` or `--`.
  const isPromptAlone = words[0] === 'run' && commandNamed(given[0]) === undefined && !given.includes('--')
  let program: Command | undefined
  try {
    if (asksToComplete(args)) {
      const { complete } = await import('./cli/commands/complete.js')
      return await complete(args.slice(2), loadCommand)
    }
    await checkHelp(words)
    if (words.some(mayBeForeign)) (await wrongWords()).checkOneDashOptions(words)
    program = await createProgram(called ? [called] : [], asksForAll(words))
    if (isPromptAlone) {
      program.hook('preAction', async (_, run) => {
        // A quoted sentence cannot be meant as a command.
        if (/^\S+$/.test(run.args[0] ?? '')) await (await wrongWords()).checkPromptAlone(run.args)
      })
    }
    setDefaults({})
    program.hook('preAction', async (_, called) => {
      // It shows and changes them itself.
      if (called.name() === 'config') return
      if (!existsSync(settingsPath()) && called.opts().preset === undefined) return
      const { applySettings } = await import('./cli/setup/settings.js')
      await applySettings(called)
    })
    await program.parseAsync(words, { from: 'user' })
  } catch (error) {
    const command = program?.commands.find((command) => command.name() === called)
    const clearer =
      error instanceof CommanderError && command
        ? await (await wrongWords()).clearerError(error, command, isPromptAlone ? given[0] : undefined)
        : undefined
    reportError(clearer ?? error, command, withOrigin)
  }
}

/** Loaded on demand: most command lines have no mistake. */
const wrongWords = () => import('./cli/parsing/wrong-words.js')

/** Whether a word is an option of several letters with one dash, like `-ngl`. molm has none. */
const mayBeForeign = (word: string) => /^-[a-z]{2,}$/.test(word)

/**
 * Creates the parser. It knows all commands, but only those in `names` have their options. Its help pages are short, or
 * have everything if `isWhole`.
 */
export async function createProgram(names: readonly CommandName[], isWhole = false): Promise<Command> {
  const program = layOutHelp(new Command('molm'), isWhole)
    .usage('[options] [prompt...]\n       molm <command> [options]')
    .description(`Runs mixture-of-experts language models on the CPU, and shows their experts.\n${EXAMPLES}`)
    .version(molmVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .showSuggestionAfterError(false) // wrong-words.ts knows more options than a short help
    .exitOverride()
    .addHelpText('after', NOTES)
  for (const { name, alias, summary } of COMMANDS) {
    const command = program.command(name).summary(summary).helpOption('-h, --help', 'print this help')
    if (alias) command.alias(alias)
    if (names.includes(name)) (await loadCommand(name)).define(command)
    // Notes on its details. A parser is an emitter of events, though its types do not say so.
    if (!isWhole) (command as Command & EventEmitter).removeAllListeners('afterHelp')
  }
  return program
}

const EXAMPLES = `
Examples:
  molm "What is a lantern?"          ask nano, the small model that is built in
  molm chat                          talk with it, and see its experts at work
  cat notes.txt | molm "In short:"   piped text comes before the prompt
  molm pull                          list larger models that fit this computer
  molm run --help                    options of a prompt`

const NOTES = `
If a prompt begins with the name of a command, put 'run' or '--' in front of it.`

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
