import type { AskOptions } from '../../api/chat.js'
import type { GenerateOptions } from '../../api/generation.js'
import type { OutputConstraint } from '../../api/guide.js'
import type { Model } from '../../api/model.js'
import type { ChatMessage } from '../../api/text.js'
import { type ChatFrame, writeChat } from '../../text/chat-frame.js'

/** Tokens that an answer needs room for if no option limits it. */
const ROOM = 256

/** How a model is asked: its thoughts, its tools, and the form of its answers. */
export type Asking = AskOptions & OutputConstraint

/** Whether answers have a form of their own, such as JSON. */
export function hasForm({ schema, grammar, regex }: Asking): boolean {
  return [schema, grammar, regex].some((form) => form !== undefined)
}

/** Texts of a conversation besides its messages. */
export interface PromptParts {
  system: string
  /** Beginning of the answer. */
  prefill: string
  /** Values for the chat template. */
  templateArgs: Readonly<Record<string, unknown>>
  asking: Asking
}

/** A conversation as token ids, up to the beginning of the next answer. */
export interface Prompt extends Pick<ChatFrame, 'reading' | 'guide' | 'notes' | 'dropsSystem'> {
  ids: number[]
  /** Strings that end the answer. */
  stop: string[]
}

/** Writes messages; a last one of the assistant's stays open, so that the model continues it. */
export async function writePrompt(
  { name, chatTemplate, generationDefaults, tokenizer }: Model,
  messages: readonly ChatMessage[],
  { system, prefill, templateArgs, asking }: PromptParts,
  signal?: AbortSignal,
): Promise<Prompt> {
  const texts = { args: templateArgs, system, prefill }
  const options = { ...asking, ...texts, template: chatTemplate, tokenizer, model: name, signal }
  const { text, encoding, stop, reading, guide, notes, dropsSystem } = await writeChat(messages, options)
  const ids = await tokenizer.encodeAsync(text, { ...encoding, signal })
  return { ids, stop: generationDefaults.stop ?? stop, reading, guide, notes, dropsSystem }
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
