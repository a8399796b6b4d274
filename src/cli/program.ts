import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { COMMANDS } from './commands/index.js'
import { reportError } from './io/errors.js'
import { toleratePipes } from './io/output.js'
import { commandFirst } from './parsing/command-first.js'
import { checkHelp, commandNamed, spelledOut } from './parsing/command-line.js'
import { fitHelp } from './parsing/help-width.js'

/**
 * Runs the command line (without node and script) and sets the process's exit code. The process is left to end by
 * itself, so that nothing written is lost.
 */
export async function main(args: readonly string[]): Promise<void> {
  toleratePipes()
  const given = await commandFirst(args)
  const words = spelledOut(given)
  const name = words[0] === 'help' ? words[1] : words[0]
  // A prompt without a command before it.
  const isPromptAlone = words[0] === 'run' && commandNamed(given[0]) === undefined
  let program: Command | undefined
  try {
    await checkHelp(words)
    if (words.some(mayBeForeign)) (await wrongWords()).checkOneDashOptions(words)
    program = await createProgram([name])
    if (isPromptAlone) {
      program.hook('preAction', async (_, run) => {
        // A whole sentence in quotes is no command.
        if (/^\S+$/.test(run.args[0] ?? '')) await (await wrongWords()).checkPromptAlone(run.args, run.opts())
      })
    }
    await program.parseAsync(words, { from: 'user' })
  } catch (error) {
    const command = program?.commands.find((command) => command.name() === commandNamed(name))
    const clearer =
      error instanceof CommanderError && command
        ? await (await wrongWords()).clearerError(error, command, isPromptAlone ? given[0] : undefined)
        : undefined
    reportError(clearer ?? error, command)
  }
}

/** Read when it is needed: most starts have nothing wrong in them. */
const wrongWords = () => import('./parsing/wrong-words.js')

/** Whether a word has the form of an option of some letters with one dash, as molm has none: `-ngl`. */
const mayBeForeign = (word: string) => /^-[a-z]{2,}$/.test(word)

/**
 * The parser. All commands are in it, but only those of `names` with their options: a command's file is read when it
 * is called for, so that a short run does not wait for the others.
 */
export async function createProgram(names: readonly (string | undefined)[]): Promise<Command> {
  const program = new Command('molm')
    .usage('[options] [prompt...]\n       molm <command> [options]')
    .description('Sparse mixture-of-experts language models on this computer’s CPU')
    .version(version(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .configureHelp({ subcommandTerm: (command) => command.name() })
    .configureOutput({
      writeOut: (page) =>
        process.stdout.write(process.stdout.isTTY ? fitHelp(page, process.stdout.columns || 80) : page),
      outputError: () => {}, // main reports it
    })
    .exitOverride()
    .addHelpText('after', EXAMPLES)
  for (const { name, alias, summary, load } of COMMANDS) {
    const command = program.command(name).summary(summary).helpOption('-h, --help', 'print this help')
    if (alias) command.alias(alias)
    if (names.includes(name)) (await load()).define(command)
  }
  return program
}

const EXAMPLES = `
Examples:
  molm "What is a lantern?"          asks nano, the model that comes with molm
  cat notes.txt | molm "In short:"   piped text comes first
  molm run --help                    the options of a prompt

Options may stand before or after a command. A prompt that begins with the name
of a command goes after 'run' or '--'.`

function version(): string {
  return JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version
}
