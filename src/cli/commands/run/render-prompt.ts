import type { Model } from '../../../api/model.js'
import { type ChatFrame, writeChat } from '../../../text/chat-frame.js'
import type { ConversationStart } from '../../parsing/conversation-options.js'

/** A prompt as the model receives it. */
export interface RenderedPrompt extends ChatFrame {
  /** Whether the generated text is a turn of a conversation. */
  isTurn: boolean
}

export interface RenderPromptOptions {
  /** Continue the prompt as is, without a chat template. */
  raw?: boolean
  /** Stop strings of the user. */
  stop?: string[]
  /** Whether the prompt is a message even if the model has no chat template. */
  isConversation: boolean
  signal?: AbortSignal
}

/**
 * Renders a prompt as the last message of a conversation, if the model has a chat template or a conversation is wanted.
 * The result stops at the stop strings of the model and of the user.
 */
export async function renderPrompt(
  model: Model,
  prompt: string,
  { messages, system, prefill, args }: ConversationStart,
  { raw, stop = [], isConversation, signal }: RenderPromptOptions,
): Promise<RenderedPrompt> {
  const own = model.generationDefaults.stop
  const ends = { isAnswer: false, isTurn: false }
  const reading = { prompt, ...ends }
  const asIs = { text: prompt, hasSpecialTokens: false, ...ends, reading, notes: [], dropsSystem: false }
  if (raw) return { ...asIs, stop }
  if (!model.chatTemplate && !isConversation) return { ...asIs, stop: [...(own ?? []), ...stop] }
  const all = prompt === '' ? messages : [...messages, { role: 'user', content: prompt }]
  const frame = await writeChat(all, { template: model.chatTemplate, args, system, prefill, signal })
  return { ...frame, isTurn: true, stop: [...(own ?? frame.stop), ...stop] }
}
