import type { ChatMessage } from '../../api/text.js'
import { UserError } from '../../ground/errors.js'
import { anyOf, isCount, isText, listOf } from '../../ground/json/forms.js'
import { isObject, MOST_JSON_BYTES, parseJsonObject } from '../../ground/json/json.js'
import { formatBytes } from '../../ground/numbers.js'
import { printable } from '../../ground/printable.js'
import { messageJson } from '../../text/message-json.js'
import { readMessages, WrongMessages } from '../../text/read-messages.js'
import type { KeptMask } from './conversation-state.js'

/*
 * Lines of a kept conversation, a JSON object each. The first is the head. The others are messages in the form of
 * OpenAI's API, with their time in `at`, and events, which change what came before.
 */

/** Version of the form. A reader refuses later ones, and reads all earlier ones. */
const VERSION = 1
const KIND = 'conversation'

export interface Head {
  created: Date
  model: string
}

export type ConversationEvent =
  /** Only the first messages still count. */
  | { keep: number }
  /** The name; '' if it has none any more. */
  | { rename: string }
  | { system: string }
  | { model: string }
  /** The experts that are off from here on; none if the list is empty. */
  | { mask: KeptMask }

export type ConversationLine =
  /** A new message. With `keep`, only the first messages before it still count. */
  { message: ChatMessage; keep?: number; event?: undefined } | { message?: undefined; event: ConversationEvent }

export function headLine({ created, model }: Head): string {
  return lineOf({ molm: KIND, version: VERSION, created: created.toISOString(), model })
}

/**
 * The line of a message. One that takes the place of others has `keep` in the same line, so that a kill cannot take the
 * others and leave the message unwritten. Throws a UserError if the message is too long to be read again.
 */
export function messageLine(message: ChatMessage, at: Date, keep?: number): string {
  const line = lineOf({ ...(keep !== undefined && { keep }), ...messageJson(message), at: at.toISOString() })
  const bytes = Buffer.byteLength(line)
  if (bytes <= MOST_JSON_BYTES) return line
  const [size, most] = [bytes, MOST_JSON_BYTES].map(formatBytes)
  throw new UserError(`a message of ${size} is too long for a kept conversation, which takes ${most} at most`)
}

export function eventLine(event: ConversationEvent): string {
  return lineOf(event)
}

function lineOf(value: object): string {
  return `${JSON.stringify(value)}\n`
}

/** Reads the first line. `source` names it in the UserError if it is not the head of a conversation. */
export function readHead(bytes: Uint8Array | undefined, source: string): Head {
  const isNone = new UserError(`${source}: not a kept conversation`)
  if (bytes === undefined) throw isNone
  let head: Record<string, unknown>
  try {
    head = parseJsonObject(bytes, source)
  } catch {
    throw isNone
  }
  const { molm, version, created, model } = head
  if (molm !== KIND || typeof version !== 'number') throw isNone
  if (version > VERSION) {
    throw new UserError(`${source}: version ${version} of kept conversations; this molm reads ${VERSION}; update molm`)
  }
  const date = new Date(typeof created === 'string' ? created : NaN)
  if (Number.isNaN(date.getTime()) || typeof model !== 'string') throw isNone
  return { created: date, model }
}

/** Reads another line. `source` names it in the UserError if it is damaged. */
export function readLine(bytes: Uint8Array | undefined, source: string): ConversationLine {
  if (bytes === undefined) throw new UserError(`${source}: is longer than ${formatBytes(MOST_JSON_BYTES)}`)
  const line = parseJsonObject(bytes, source)
  if (!('role' in line)) return { event: eventOf(line, source) }
  const { at, keep, ...message } = line
  if (keep !== undefined && !isCount(keep)) throw new UserError(`${source}: "keep" must be a number of messages`)
  try {
    return { message: readMessages([message])[0], ...(keep !== undefined && { keep }) }
  } catch (error) {
    if (!(error instanceof WrongMessages)) throw error
    const field = error.path.slice(1).join('.')
    throw new UserError(`${source}: ${field === '' ? 'the message' : `"${printable(field, 40)}"`} ${error.why}`)
  }
}

function eventOf(line: Record<string, unknown>, source: string): ConversationEvent {
  const { keep, rename, system, model, mask } = line
  if (isCount(keep)) return { keep }
  if (typeof rename === 'string') return { rename }
  if (typeof system === 'string') return { system }
  if (typeof model === 'string') return { model }
  if (anyOf(isObject, listOf(isText))(mask)) return { mask }
  throw new UserError(`${source}: neither a message nor an event of a conversation`)
}

/** Whether a line begins as molm writes a message that replaces none. Other lines have to be parsed. */
export function isPlainMessage(line: Uint8Array): boolean {
  return MESSAGE_START.equals(line.subarray(0, MESSAGE_START.length))
}

const MESSAGE_START = Buffer.from('{"role":')
