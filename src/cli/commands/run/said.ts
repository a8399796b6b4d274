import type { Model } from '../../../api/model.js'
import type { Said } from '../../../session/prompt.js'

/** Where a prompt belongs, and how it is meant. */
interface Around extends Omit<Said, 'text'> {
  /** Whether it is a message even if the model has no chat template. */
  isConversation: boolean
}

/** What a prompt says: the last message of a conversation, or a text to continue. */
export function saidIn(
  prompt: string,
  { messages, system, prefill, args, isRaw, isConversation }: Around,
  { chatTemplate }: Pick<Model, 'chatTemplate'>,
): Said {
  const text = isRaw || !(chatTemplate || isConversation) ? prompt : undefined
  const asked = prompt === '' ? messages : [...messages, { role: 'user', content: prompt }]
  return { messages: asked, system, prefill, args, text, isRaw }
}
