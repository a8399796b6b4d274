import type { Model } from '../generation/types.js'
import { writeChat } from '../text/chat-frame.js'
import type { ConversationStart } from './conversation-options.js'

/** A prompt as the model gets it. */
export interface Frame {
  text: string
  /** Whether the frame is a template's, which writes special tokens itself. */
  hasSpecialTokens: boolean
  /** Texts that end the generation. */
  stop: string[]
  /** Whether what follows is an answer, and not the text's own continuation. */
  isAnswer: boolean
}

export interface FrameOptions {
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
export async function framePrompt(
  model: Model,
  prompt: string,
  { messages, system, prefill, args }: ConversationStart,
  { raw, stop = [], isConversation, signal }: FrameOptions,
): Promise<Frame> {
  const own = model.generationDefaults.stop
  if (raw) return { text: prompt, hasSpecialTokens: false, stop, isAnswer: false }
  if (!model.chatTemplate && !isConversation) {
    return { text: prompt, hasSpecialTokens: false, stop: [...(own ?? []), ...stop], isAnswer: false }
  }
  const all = prompt === '' ? messages : [...messages, { role: 'user', content: prompt }]
  const frame = await writeChat(all, { template: model.chatTemplate, args, system, prefill, signal })
  return { ...frame, stop: [...(own ?? frame.stop), ...stop] }
}
