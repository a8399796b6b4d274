import type { Command, CommanderError } from 'commander'
import { UsageError } from '../../ground/errors.js'
import { nearest } from '../../ground/spelling.js'
import { shellWord } from '../io/shell-word.js'
import { nearCommand } from './command-line.js'
import { insteadOf, isModel } from './foreign-commands.js'

/**
 * Checks a prompt given without `run`. Rejects with a UsageError if its words look like a command: a mistyped one
 * (`molm lst`), or one of another tool (`molm ps`, `molm info nano`).
 */
export async function checkPromptAlone(words: readonly string[]): Promise<void> {
  const error = (await foreignError(words)) ?? (words.length === 1 ? slipError(words[0]) : undefined)
  if (error) throw error
}

/**
 * A clearer UsageError for an error of the parser; undefined if there is nothing to add. `firstWord` is the first word of
 * a prompt given without `run`.
 */
export async function clearerError(
  { code, message }: CommanderError,
  command: Command,
  firstWord?: string,
): Promise<UsageError | undefined> {
  if (code === 'commander.excessArguments') return argumentError(command)
  if (code !== 'commander.unknownOption') return undefined
  if (firstWord !== undefined) {
    const error = (await foreignError([firstWord])) ?? slipError(firstWord)
    if (error) return error
  }
  const [, flag] = /'(-[^'=]*)/.exec(message) ?? []
  return foreignOptionError(command.name(), flag) ?? nearOption(flag, command)
}

/** Compares with all options. Some are names of other tools, which no help shows. */
function nearOption(flag: string, { options }: Command): UsageError | undefined {
  const flags = options.flatMap(({ long }) => long ?? [])
  const begun = flags.filter((long) => long.startsWith(flag))
  const meant = begun.length > 0 && begun.length <= MOST_NAMED ? begun.join(' or ') : nearest(flag, flags)
  return meant === undefined ? undefined : new UsageError(`unknown option '${flag}'; did you mean ${meant}?`)
}

/** Most options to name for a beginning. */
const MOST_NAMED = 3

/** Throws a UsageError for an option of another tool that the parser would misread: `-ngl 99` as `-n gl`. */
export function checkOneDashOptions([name, ...words]: readonly string[]): void {
  const end = words.indexOf('--')
  for (const word of end < 0 ? words : words.slice(0, end)) {
    const error = /^-[a-z]{2,}$/.test(word) ? foreignOptionError(name, word) : undefined
    if (error) throw error
  }
}

function foreignOptionError(command: string, flag: string): UsageError | undefined {
  if (!GENERATING.includes(command)) return undefined
  const hint = FOREIGN.find(([flags]) => flags.split(' ').includes(flag))?.[1]
  return hint ? new UsageError(`molm ${command} has no ${flag}: ${hint}`) : undefined
}

/** Commands with options of a generation, which other tools have, too. */
const GENERATING = ['run', 'chat']

async function foreignError(words: readonly string[]): Promise<UsageError | undefined> {
  const instead = await insteadOf(words)
  if (instead === undefined) return undefined
  return new UsageError(`'${words[0]}' is not a command; ${instead}\n'molm run ${words.join(' ')}' asks the model`)
}

function slipError(word: string): UsageError | undefined {
  const meant = nearCommand(word)
  if (!meant) return undefined
  return new UsageError(`'${word}' is not a command; did you mean 'molm ${meant}'?\n'molm run ${word}' asks the model`)
}

/** The error for a model in place of an argument: `molm chat nano`. Undefined if the word is something else. */
export async function modelError(command: string, word: string): Promise<UsageError | undefined> {
  if (!(await isModel(word))) return undefined
  const { likelyName } = await import('../../library/folders/model-folders.js')
  const meant = /[/:]/.test(word) ? word : ((await likelyName(word)) ?? word)
  return new UsageError(`molm ${command} takes a model as an option; did you mean 'molm ${command} -m ${meant}'?`)
}

/** The error for a prompt that begins with a GGUF file in place of `-m`. */
export function fileError([file, ...words]: readonly string[]): UsageError {
  const line = ['molm run -m', ...[file, ...words].map(shellWord)].join(' ')
  return new UsageError(`molm run takes a model as an option; did you mean this?\n${line}`)
}

/** The error for an argument of a command that takes none: `molm serve nano`. */
async function argumentError(command: Command): Promise<UsageError | undefined> {
  const { args, options, registeredArguments } = command
  if (registeredArguments.length > 0 || !options.some(({ long }) => long === '--model')) return undefined
  return args.length === 1 ? modelError(command.name(), args[0]) : undefined
}

/** Options of ollama, llm, aichat and llama.cpp that molm does not have, and what to do instead. */
const FOREIGN: readonly (readonly [flags: string, hint: string])[] = [
  [
    '--resume --cid --conversation --session',
    "-c continues the latest conversation, 'molm chat --resume NAME' another; 'molm chat --list' shows them",
  ],
  ['-i --interactive -cnv --repl', "'molm run' asks once, 'molm chat' holds a conversation"],
  ['--json-schema -j --json-schema-file -jf --format', '--schema JSON or --schema FILE limits answers to JSON'],
  ['--grammar-file', '--grammar FILE limits answers to a grammar'],
  [
    '--reasoning --reasoning-budget --reasoning-format --hidethinking --hide-reasoning -R --nothink',
    "--think LEVEL and --think-budget N set the thinking; 'molm run' prints thoughts only with --show-thinking",
  ],
  ['--jinja --chat-template-kwargs', 'chat templates are always used, and --template-arg NAME=JSON passes values'],
  ['--tool --tools -T --functions', '--mcp COMMAND gives the model the tools of an MCP server'],
  ['-x --extract', 'molm prints the whole answer'],
  ['--role --system-prompt --sys', '-s TEXT or -s @FILE sets a system text'],
  ['--no-stream', "'molm run --json' prints an answer when it is complete"],
  ['-ngl --n-gpu-layers --gpu-layers --gpu', 'molm runs on the CPU only'],
  ['--hf-repo', "'molm pull OWNER/NAME' fetches a model, and -m OWNER/NAME runs it"],
  ['--keepalive --keep-alive', 'a model stays in memory as long as its command runs'],
]
