import { UserError } from '../../ground/errors.js'
import { printable, printableText, reasonOf } from '../../ground/printable.js'
import { isPlainMessage, readHead, readLine } from './conversation-lines.js'
import { linesIn, openConversation } from './read-conversation.js'

/** A kept conversation in a list. All texts are safe to print. */
export interface ConversationInfo {
  id: string
  path: string
  name?: string
  /** The name, else the beginning of the first question. */
  title: string
  model: string
  /** Number of messages, results of tools included. */
  messages: number
  created: Date
  changed: Date
}

/** Maximum characters of a title, and of a name. */
const LONGEST_TITLE = 60
/** Maximum characters that become a title; a question can have megabytes. */
const MOST_READ = 1000

/**
 * Describes a kept conversation; undefined if a kill left not even its first line. Reads the file, but parses only the
 * head, the first question and the events. Rejects with a UserError if the file cannot be read or is not a conversation.
 */
export async function readInfo(path: string, id: string): Promise<ConversationInfo | undefined> {
  const file = await openConversation(path).catch((error: unknown) => {
    throw error instanceof UserError ? error : new UserError(`${path}: cannot be read (${reasonOf(error)})`)
  })
  try {
    const { mtime: changed } = await file.stat()
    const found: Found = { model: '', name: '', messages: 0 }
    let created: Date | undefined
    for await (const { number, bytes, isWhole } of linesIn(file)) {
      if (!isWhole) break
      if (created) {
        addLine(found, bytes, `${path}: line ${number}`)
        continue
      }
      const head = readHead(bytes, path)
      created = head.created
      found.model = head.model
    }
    if (!created) return undefined
    const { messages, question } = found
    const name = oneLine(found.name)
    const title = name || question?.text || '(no question)'
    return { id, path, ...(name && { name }), title, model: printable(found.model), messages, created, changed }
  } finally {
    await file.close()
  }
}

/** A text as a title: on one line, safe to print, and cut at its end. */
export function oneLine(text: string): string {
  const line = printableText(text.slice(0, MOST_READ).replace(/\s+/g, ' ').trim())
  const characters = [...line]
  return characters.length > LONGEST_TITLE ? `${characters.slice(0, LONGEST_TITLE - 1).join('')}…` : line
}

/** Parts of a description while lines are read. */
interface Found {
  model: string
  name: string
  messages: number
  /** The first question, and its index among the messages. */
  question?: { text: string; at: number }
}

function addLine(found: Found, bytes: Buffer | undefined, source: string): void {
  const isPlain = bytes === undefined || isPlainMessage(bytes)
  if (isPlain && (found.question || bytes === undefined)) {
    found.messages++
    return
  }
  const { message, keep, event } = { keep: undefined, ...readLine(bytes, source) }
  if (message) {
    if (keep !== undefined) cutBack(found, keep)
    const at = found.messages++
    if (message.role === 'user') found.question ??= { text: oneLine(message.content), at }
  } else if ('rename' in event) found.name = event.rename
  else if ('model' in event) found.model = event.model
  else if ('keep' in event) cutBack(found, event.keep)
}

function cutBack(found: Found, messages: number): void {
  found.messages = Math.min(found.messages, messages)
  if (found.question && found.question.at >= messages) delete found.question
}
