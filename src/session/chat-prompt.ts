import type { ChatOptions } from '../api/chat.js'
import type { GuideSpec } from '../api/guide.js'
import type { ChatMessage } from '../api/text.js'
import { UsageError, UserError } from '../errors.js'
import type { Reading } from '../text/answer-reader.js'
import { systemDropped, writeChat } from '../text/chat-frame.js'
import type { SessionModel } from './session-model.js'

/** A conversation as ids, up to the beginning of its next answer. */
interface ChatPrompt {
  prompt: number[]
  /** Texts that end the answer. */
  stop: string[]
  reading: Reading
  /** Limits of the answer. */
  guide?: GuideSpec
}

/** Renders a conversation with the model's chat template. Rejects with a UserError if the model has none. */
export async function chatPrompt(
  messages: readonly ChatMessage[],
  { chatTemplate: template, tokenizer, defaults }: SessionModel,
  options: ChatOptions,
): Promise<ChatPrompt> {
  const { stop = [], guide, onWarning, signal } = options
  if (!template) {
    throw new UserError('the model has no chat template, which `chat` needs; write the prompt and use `generate`')
  }
  if (!tokenizer) throw new UsageError('the model came without tokenizer files, which `chat` needs')
  const frame = await writeChat(messages, { ...askOptions(options), template, tokenizer, signal })
  if (frame.guide && guide) {
    throw new UsageError('`guide` cannot be combined with tools, a budget of thinking or a form of the content')
  }
  if (frame.dropsSystem) onWarning?.(systemDropped('the model'))
  for (const note of frame.notes) onWarning?.(note)
  return {
    prompt: await tokenizer.encodeAsync(frame.text, { ...frame.encoding, signal }),
    stop: [...(defaults.stop ?? frame.stop), ...stop],
    reading: frame.reading,
    guide: frame.guide ?? guide,
  }
}

/** Options that decide how the model is asked. */
function askOptions(options: ChatOptions) {
  const { args, think, thinkBudget, tools, toolChoice, parallelToolCalls, schema, grammar, regex } = options
  return { args, think, thinkBudget, tools, toolChoice, parallelToolCalls, schema, grammar, regex }
}
