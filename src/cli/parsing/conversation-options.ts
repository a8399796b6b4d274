import type { Command } from 'commander'
import type { ChatMessage } from '../../api/text.js'
import { UsageError, UserError } from '../../ground/errors.js'
import { readBounded } from '../../ground/files/bounded-file.js'
import { expandHome } from '../../ground/files/home.js'
import { parseJson } from '../../ground/json/json.js'
import { phrase } from '../../ground/message.js'
import { readMessages } from '../../text/read-messages.js'
import { interruptSignal } from '../io/interrupt.js'
import { readStdin, STDIN } from '../io/stdin.js'
import { defaults } from './defaults.js'
import { collect, FIRST } from './options.js'

/** Maximum bytes of a file that becomes part of a prompt, as for stdin. */
const MOST_BYTES = 16 * 2 ** 20

/** Options that add to what the user types. */
export interface ConversationOptions {
  system?: string
  file?: string[]
  prefill?: string
  messages?: string
  templateArg?: Record<string, unknown>
  /** The conversation that is continued: the latest, or one with this name. */
  continue?: boolean
  resume?: string
}

/** The options with their files read. */
export interface ConversationStart {
  system: string
  /** Texts of the --file options, in order. */
  files: string[]
  prefill: string
  messages: ChatMessage[]
  args: Record<string, unknown>
}

/** `takesStdin`: whether `-` may name stdin as a file. */
export function addConversationOptions(command: Command, { takesStdin = true } = {}): Command {
  const file = takesStdin ? 'a file (- for stdin)' : 'a file'
  return addSystemOption(command.optionsGroup(FIRST))
    .option('-f, --file <file>', `put the text of ${file} before the prompt; repeatable`, collect)
    .optionsGroup('Conversation:')
    .option('--prefill <text>', 'begin the answer with this text')
    .option('--messages <file>', 'begin with the messages of a JSON file: [{"role", "content"}, ...]')
    .option('--template-arg <name=json>', 'pass a value to the chat template; repeatable', collectArgument)
}

export function addSystemOption(command: Command): Command {
  const what = 'instructions to the model (system text); @FILE reads them from a file, @@TEXT is the text @TEXT'
  return command.option('-s, --system <text>', what)
}

/** Whether an option was given that only makes sense in a conversation, not in a text to continue. */
export function asksForConversation({ system, prefill, messages, templateArg }: ConversationOptions): boolean {
  return system !== undefined || prefill !== undefined || messages !== undefined || templateArg !== undefined
}

/** Whether a system text is read from a file: @FILE. @@TEXT is the text @TEXT. */
export function namesFile(system: string): boolean {
  return /^@(?!@)/.test(system)
}

export function readsStdin({ system = '', file = [], messages }: ConversationOptions): boolean {
  return system === `@${STDIN}` || messages === STDIN || file.includes(STDIN)
}

/** Reads the files that the options name. Rejects with a UserError that names the file. */
export async function readConversation(options: ConversationOptions): Promise<ConversationStart> {
  const { file = [], prefill = '', messages, templateArg = {} } = options
  const begins = messages === undefined && !options.continue && options.resume === undefined
  const { system = (begins ? defaults().system : undefined) ?? '' } = options
  return {
    system: namesFile(system) ? (await readText(system.slice(1))).trimEnd() : system.replace(/^@@/, '@'),
    files: await Promise.all(file.map(async (path) => (await readText(path)).replace(/\r?\n$/, ''))),
    prefill,
    messages: messages === undefined ? [] : messagesIn(await readText(messages), messages),
    args: templateArg,
  }
}

function collectArgument(text: string, earlier: Record<string, unknown> = {}): Record<string, unknown> {
  const [, name, value] = /^([A-Za-z_]\w*)=([\s\S]+)$/.exec(text) ?? []
  if (name === undefined) throw new UsageError(`--template-arg must be NAME=JSON, not '${text}'`)
  try {
    return { ...earlier, [name]: JSON.parse(value) }
  } catch {
    throw new UsageError(
      `--template-arg ${name}: ${value} is not JSON; a text needs quotes, as in --template-arg '${name}="${value}"'`,
    )
  }
}

async function readText(named: string): Promise<string> {
  if (named === STDIN) return utf8Text(await readStdin(interruptSignal()), 'stdin')
  return utf8Text(await readBounded(expandHome(named), MOST_BYTES, 'no prompt is that long'), named)
}

/** The text of a file. Throws a UserError if it is not in UTF-8. */
export function utf8Text(bytes: Uint8Array, source: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new UserError(`${source}: not a text in UTF-8`)
  }
}

/** Parses a JSON list of messages, or one message per line. */
function messagesIn(text: string, path: string): ChatMessage[] {
  const parsed = text.trimStart().startsWith('[')
    ? parseJson(Buffer.from(text), path)
    : text
        .split('\n')
        .flatMap((line, i) => (line.trim() === '' ? [] : [parseJson(Buffer.from(line), `${path}:${i + 1}`)]))
  try {
    return readMessages(parsed)
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    throw new UserError(phrase`${path}: ${error}; the file must hold [{"role": "user", "content": "..."}, ...]`)
  }
}
