import type { AskOptions } from '../../../../api/chat-options.js'
import { checkOptions, type GenerationSettings, OPTION_NAMES, optionsIn } from '../../../../api/generation-options.js'
import type { OutputConstraint } from '../../../../api/guide.js'
import type { ChatMessage } from '../../../../api/text.js'
import { UserError } from '../../../../ground/errors.js'
import type { Line } from '../../../../ground/files/lines.js'
import { anyOf, isFlag, isNumber, isText, optional } from '../../../../ground/json/forms.js'
import { parseJsonObject } from '../../../../ground/json/json.js'
import { JsonReader, nameOf } from '../../../../ground/json/reader.js'
import { nearest, snakeCase } from '../../../../ground/spelling.js'
import { readMessages } from '../../../../text/read-messages.js'
import type { Shard } from '../../../parsing/shard-option.js'
import { ASK_FIELDS, askFieldsOf, TOOL_FIELDS, toolFieldsOf, withoutThinking } from './ask-fields.js'
import { hashOf } from './hash.js'

/** The name of a line in the output: its "id", else its number. */
export type RequestId = string | number

/** The prompt of a line, and the options of its answer. */
export interface Ask extends AskOptions, OutputConstraint {
  /** Empty if there are messages. */
  prompt: string
  messages: ChatMessage[]
  system: string
  prefill: string
  /** Continue the prompt as is, without a chat template. */
  raw: boolean
  /** Report the experts that each token activates. */
  experts: boolean
  /** Count the experts that the answer wakes. */
  stats?: boolean
  /** Whether the prompt is a message even if the model has no chat template. */
  isConversation: boolean
  /** Values for the chat template. */
  args: Record<string, unknown>
  settings: Partial<GenerationSettings>
}

/** Options of the command line, for all lines. */
export type Defaults = Omit<Ask, 'prompt' | 'messages'>

/** A line of the input. */
export interface BatchRequest {
  id: RequestId
  line: number
  /** Offset in the input of the end of the line. */
  end: number
  /** Hash of the line without its id; undefined if the line cannot be read. */
  hash?: string
  /** The request, or the error in the line. */
  ask: Ask | UserError
}

/** Maximum bytes of a line, the same as for other prompts. */
export const MOST_LINE_BYTES = 16 * 2 ** 20

const OWN_FIELDS = ['id', 'prompt', 'messages', 'system', 'prefill', 'raw', 'experts', 'stats'] as const
const FIELDS: readonly string[] = [...OWN_FIELDS, ...ASK_FIELDS, ...TOOL_FIELDS, ...OPTION_NAMES]

/** Option names in snake case, as in results and the API of the server: max_tokens for maxTokens. */
const SNAKE_CASE = new Map<string, string>(
  [...ASK_FIELDS, ...TOOL_FIELDS, ...OPTION_NAMES].map((name) => [snakeCase(name), name]),
)

/** Parses the requests of an input, one JSON object per line. Skips empty lines, and lines of other shards. */
export async function* requestsOf(
  lines: AsyncIterable<Line>,
  defaults: Defaults,
  shard: Shard = { number: 1, of: 1 },
): AsyncGenerator<BatchRequest> {
  let before = 0
  for await (const line of lines) {
    const bytes = line.number === 1 ? line.bytes && withoutMark(line.bytes) : line.bytes
    if (bytes && isBlank(bytes)) continue
    if (before++ % shard.of === shard.number - 1) yield requestOf({ ...line, bytes }, defaults)
  }
}

function requestOf({ number, bytes, end }: Line, defaults: Defaults): BatchRequest {
  let id: RequestId = number
  try {
    if (!bytes) throw new UserError(`line ${number}: a prompt of more than 16 MiB is too long`)
    const fields = parseJsonObject(bytes, `line ${number}`)
    if (isId(fields.id)) id = fields.id
    const named = withOwnNames(fields)
    const ask = askOf(named, defaults)
    const { id: _, ...content } = named
    return { id, line: number, end, hash: hashOf(content), ask }
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    return { id, line: number, end, ask: error }
  }
}

function askOf(named: Record<string, unknown>, defaults: Defaults): Ask {
  const fields = new JsonReader(named, (path, what) => new UserError(`"${nameOf(path)}" ${what}`))
  fields.in('id').as(optional(isId), 'a text or a number')
  const [system, prefill, prompt] = ['system', 'prefill', 'prompt'].map((name) =>
    fields.in(name).as(optional(isText), 'a text'),
  )
  const messages = named.messages === undefined ? undefined : readMessages(named.messages)
  if (prompt === undefined && !messages) throw new UserError('there is no "prompt" and no "messages"')
  if (prompt !== undefined && messages) throw new UserError('give "prompt" or "messages", not both')
  const isTurn = Boolean(messages) || system !== undefined || prefill !== undefined
  // Such a line is a conversation, also under --raw.
  const flag = (name: string) => fields.in(name).as(optional(isFlag), 'true or false')
  const raw = flag('raw') ?? (defaults.raw && !isTurn)
  if (raw && isTurn) throw new UserError('"raw" continues a prompt as is; it takes no messages, system, prefill')
  if (prompt !== undefined && (raw ? prompt : prompt.trim()) === '') throw new UserError('the prompt is empty')
  if (raw && (named.think ?? named.thinkBudget ?? named.tools) !== undefined) {
    throw new UserError('"raw" continues a prompt as is; it takes no "think" and no "tools"')
  }
  const asked = { ...askFieldsOf(fields, raw ? withoutThinking(defaults) : defaults), ...toolFieldsOf(fields) }
  const own = optionsIn(named as Partial<GenerationSettings>)
  checkOptions(own)
  return {
    ...asked,
    prompt: prompt ?? '',
    messages: messages ?? [],
    system: raw ? '' : (system ?? defaults.system),
    prefill: raw ? '' : (prefill ?? defaults.prefill),
    raw,
    experts: flag('experts') ?? defaults.experts,
    stats: flag('stats') ?? defaults.stats,
    isConversation: defaults.isConversation || isTurn,
    args: defaults.args,
    settings: { ...defaults.settings, ...given(own) },
  }
}

/** Spells the names of the fields as the library does. Throws a UserError for an unknown name. */
function withOwnNames(fields: Record<string, unknown>): Record<string, unknown> {
  const named: Record<string, unknown> = {}
  for (const [spelling, value] of Object.entries(fields)) {
    const name = SNAKE_CASE.get(spelling) ?? spelling
    if (!FIELDS.includes(name)) throw unknownField(spelling)
    if (Object.hasOwn(named, name)) throw new UserError(`"${name}" is there twice, in two spellings`)
    named[name] = value
  }
  return named
}

function unknownField(name: string): UserError {
  const meant = nearest(name, FIELDS)
  const hint = meant ? `did you mean "${meant}"?` : `there are ${FIELDS.join(', ')}`
  return new UserError(`there is no field ${JSON.stringify(name.slice(0, 40))}; ${hint}`)
}

const isId = anyOf(isText, isNumber)

/** Drops undefined options, so that the command line's options stay. */
function given(options: Partial<GenerationSettings>): Partial<GenerationSettings> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}

/** Removes the byte order mark that Windows programs put at the start of a file. */
function withoutMark(bytes: Buffer): Buffer {
  return bytes.subarray(0, 3).equals(MARK) ? bytes.subarray(3) : bytes
}

const MARK = Buffer.from([0xef, 0xbb, 0xbf])

function isBlank(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d)
}
