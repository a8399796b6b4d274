import type { AskOptions } from '../../../api/chat.js'
import type { GenerateOptions } from '../../../api/generation.js'
import type { OutputConstraint } from '../../../api/guide.js'
import type { Model } from '../../../api/model.js'
import type { ChatMessage } from '../../../api/text.js'
import { type ChatFrame, writeChat } from '../../../text/chat-frame.js'
import { doesNotThink } from '../../../text/frame/think-switch.js'
import type { ConversationStart } from '../../parsing/conversation-options.js'

/** A prompt as the model receives it. */
export interface RenderedPrompt extends Omit<ChatFrame, 'guide'> {
  /** Limits of the generated text: all of it has one form, or its stretches have. */
  limits: Pick<GenerateOptions, 'guide' | keyof OutputConstraint>
}

export interface RenderPromptOptions extends AskOptions, OutputConstraint {
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
  { messages, system, prefill, args }: Omit<ConversationStart, 'files'>,
  options: RenderPromptOptions,
): Promise<RenderedPrompt> {
  const { raw, stop = [], isConversation, signal } = options
  const { think, thinkBudget, tools, toolChoice, parallelToolCalls, schema, grammar, regex } = options
  const ask = { think, thinkBudget, tools, toolChoice, parallelToolCalls, schema, grammar, regex }
  const own = model.generationDefaults.stop
  if (raw || !(model.chatTemplate || isConversation || tools)) {
    const stops = raw ? stop : [...(own ?? []), ...stop]
    return { ...asIs(prompt, ask), notes: raw ? [] : notesOf(model, ask), stop: stops }
  }
  const all: ChatMessage[] = prompt === '' ? messages : [...messages, { role: 'user', content: prompt }]
  const frame = await writeChat(all, {
    ...ask,
    template: model.chatTemplate,
    tokenizer: model.tokenizer,
    model: model.name,
    args,
    system,
    prefill,
    signal,
  })
  const { guide, ...rest } = frame
  return { ...rest, limits: guide ? { guide } : {}, stop: [...(own ?? frame.stop), ...stop] }
}

/** A text to continue. Its form is that of the whole continuation. */
function asIs(text: string, { schema, grammar, regex }: OutputConstraint) {
  const ends = { isAnswer: false, isTurn: false }
  const reading = { prompt: text, ...ends }
  const limits = { schema, grammar, regex }
  return { text, encoding: {}, isAnswer: false, reading, limits, dropsSystem: false }
}

function notesOf({ name }: Model, { think, thinkBudget }: AskOptions): string[] {
  const ignored = think && think !== 'off' ? 'think' : thinkBudget && 'thinkBudget'
  return ignored ? [doesNotThink(name, ignored)] : []
}
