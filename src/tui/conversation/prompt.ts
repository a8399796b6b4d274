import type { GenerateOptions } from '../../api/generation.js'
import type { Model } from '../../api/model.js'
import type { ChatMessage } from '../../api/text.js'
import { writeChat } from '../../text/chat-frame.js'

/** Tokens that an answer needs room for if no option limits it. */
const ROOM = 256

/** Texts of a conversation besides its messages. */
export interface PromptParts {
  system: string
  /** Beginning of the answer. */
  prefill: string
  /** Values for the chat template. */
  templateArgs: Readonly<Record<string, unknown>>
}

/** A conversation as token ids, up to the beginning of the next answer. */
export interface Prompt {
  ids: number[]
  /** Strings that end the answer. */
  stop: string[]
  /** Whether an answer begins, rather than continues. */
  isAnswer: boolean
  /** Whether the chat template leaves the system text out. */
  dropsSystem: boolean
}

export async function writePrompt(
  { chatTemplate, generationDefaults, tokenizer }: Model,
  messages: readonly ChatMessage[],
  { system, prefill, templateArgs }: PromptParts,
  signal?: AbortSignal,
): Promise<Prompt> {
  const options = { template: chatTemplate, args: templateArgs, system, prefill, signal }
  const { text, hasSpecialTokens, isAnswer, dropsSystem, stop } = await writeChat(messages, options)
  const ids = await tokenizer.encodeAsync(text, { addSpecialTokens: !hasSpecialTokens, signal })
  return { ids, stop: generationDefaults.stop ?? stop, isAnswer, dropsSystem }
}

/**
 * Writes the messages from index `first` on. If the model's positions are too few, leaves out the oldest turns until
 * there is room for an answer; the system text stays. Returns the index of the first message in the prompt, too.
 */
export async function writeFittingPrompt(
  model: Model,
  { messages, first, ...parts }: PromptParts & { messages: readonly ChatMessage[]; first: number },
  { maxTokens = model.generationDefaults.maxTokens ?? ROOM, context = Infinity, signal }: GenerateOptions,
): Promise<Prompt & { first: number }> {
  const { maxPositions = Infinity } = model.config
  const limit = Math.min(maxPositions, context)
  let from = first
  let prompt = await writePrompt(model, messages.slice(from), parts, signal)
  // A model without positions forgets distant tokens by itself.
  while (maxPositions < Infinity && prompt.ids.length + Math.min(maxTokens, limit / 4) > limit) {
    const next = messages.findIndex(({ role }, i) => i > from && role === 'user')
    if (next < 0) break
    from = next
    prompt = await writePrompt(model, messages.slice(from), parts, signal)
  }
  return { ...prompt, first: from }
}
