import type { Model } from '../../../api/model.js'
import { type ChatFrame, writeChat } from '../../../text/chat-frame.js'
import type { ConversationStart } from '../../parsing/conversation-options.js'

/** A prompt as the model gets it. */
export interface RenderedPrompt extends ChatFrame {
  /** Whether the end of the text that follows ends a turn of a conversation. */
  isTurn: boolean
}

export interface RenderPromptOptions {
  /** Continue the text as it stands. */
  raw?: boolean
  /** The user's own stop strings. */
  stop?: string[]
  /** Whether the prompt is a message of a conversation also where the model has no template. */
  isConversation: boolean
  signal?: AbortSignal
}

/**
 * Frames a prompt as the last message of a conversation when the model has a chat template or a conversation is asked
 * for. The model's own stop strings belong to the frame; those of the user come on top.
 */
export async function renderPrompt(
  model: Model,
  prompt: string,
  { messages, system, prefill, args }: ConversationStart,
  { raw, stop = [], isConversation, signal }: RenderPromptOptions,
): Promise<RenderedPrompt> {
  const own = model.generationDefaults.stop
  const asItStands = { text: prompt, hasSpecialTokens: false, isAnswer: false, isTurn: false, dropsSystem: false }
  if (raw) return { ...asItStands, stop }
  if (!model.chatTemplate && !isConversation) return { ...asItStands, stop: [...(own ?? []), ...stop] }
  const all = prompt === '' ? messages : [...messages, { role: 'user', content: prompt }]
  const frame = await writeChat(all, { template: model.chatTemplate, args, system, prefill, signal })
  return { ...frame, isTurn: true, stop: [...(own ?? frame.stop), ...stop] }
}
