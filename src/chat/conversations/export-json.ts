import { UserError } from '../../ground/errors.js'
import { parseJson } from '../../ground/json/json.js'
import { phrase } from '../../ground/message.js'
import { messageJson } from '../../text/message-json.js'
import { readMessages } from '../../text/read-messages.js'
import type { ConversationState } from './conversation-state.js'

/** A conversation as a JSON list of messages, as `--messages` reads it; the system text is its first. */
export function conversationJson({ messages, system }: ConversationState): string {
  const all = [...(system === '' ? [] : [{ role: 'system', content: system }]), ...messages]
  return `${JSON.stringify(all.map(messageJson), null, 2)}\n`
}

/** Reads such a list. `source` names the file in the UserError if it is something else. */
export function readConversationJson(bytes: Uint8Array, source: string): Omit<ConversationState, 'model'> {
  const parsed = parseJson(bytes, source)
  try {
    const [first, ...others] = readMessages(parsed)
    return first.role === 'system'
      ? { system: first.content, messages: others }
      : { system: '', messages: [first, ...others] }
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    throw new UserError(phrase`${source}: ${error}`)
  }
}
