import type { Model } from '../../../api/model.js'
import type { Said } from '../../../engine/session/prompt.js'

/** Conversation around a prompt, and whether the prompt is meant to be raw. */
interface Around extends Omit<Said, 'text'> {
  /** Whether it is a message even if the model has no chat template. */
  isConversation: boolean
}

/** Reads a prompt as the last message of a conversation, or a text to continue. */
export function saidIn(
  prompt: string,
  { messages, system, prefill, args, isRaw, isConversation }: Around,
  { chatTemplate }: Pick<Model, 'chatTemplate'>,
): Said {
  const text = isRaw || !(chatTemplate || isConversation) ? prompt : undefined
  const asked = prompt === '' ? messages : [...messages, { role: 'user', content: prompt }]
  return { messages: asked, system, prefill, args, text, isRaw }
}
