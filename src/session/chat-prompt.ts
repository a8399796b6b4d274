import type { ChatOptions } from '../api/chat.js'
import type { ChatMessage } from '../api/text.js'
import { UsageError, UserError } from '../errors.js'
import type { AnswerEnds } from '../text/answer-text.js'
import { systemDropped, writeChat } from '../text/chat-frame.js'
import { checkMessages } from '../text/read-messages.js'
import type { SessionModel } from './session-model.js'

/** A conversation as ids, up to the beginning of its next answer. */
interface ChatPrompt {
  prompt: number[]
  /** Texts that end the answer. */
  stop: string[]
  ends: AnswerEnds
  /** Beginning of the answer that the prompt contains already; empty for a new answer. */
  begun: string
}

/** Renders a conversation with the model's chat template. Rejects with a UserError if the model has none. */
export async function chatPrompt(
  messages: readonly ChatMessage[],
  { chatTemplate: template, tokenizer, defaults }: SessionModel,
  { args, stop = [], onWarning, signal }: ChatOptions,
): Promise<ChatPrompt> {
  if (!template) {
    throw new UserError('the model has no chat template, which `chat` needs; write the prompt and use `generate`')
  }
  if (!tokenizer) throw new UsageError('the model came without tokenizer files, which `chat` needs')
  const turns = checkMessages(messages)
  const frame = await writeChat(turns, { template, args, signal })
  if (frame.dropsSystem) onWarning?.(systemDropped('the model'))
  const last = turns[turns.length - 1]
  return {
    prompt: await tokenizer.encodeAsync(frame.text, { addSpecialTokens: !frame.hasSpecialTokens, signal }),
    stop: [...(defaults.stop ?? frame.stop), ...stop],
    ends: { isAnswer: frame.isAnswer, isTurn: true },
    begun: last.role === 'assistant' ? last.content : '',
  }
}
