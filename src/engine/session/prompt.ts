import { type Asking, formsIn } from '../../api/ask-options.js'
import type { GenerateOptions } from '../../api/generation.js'
import type { OutputConstraint } from '../../api/guide.js'
import type { Model } from '../../api/model.js'
import type { ChatMessage, EncodeAsyncOptions, Tokenizer } from '../../api/text.js'
import { type ChatFrame, writeChat } from '../../text/chat-frame.js'
import { unthought } from '../../text/prompt/think-switch.js'

/** Tokens that an answer needs room for if no option limits it. */
const ROOM = 256

/** A conversation, or a text, up to the next answer. */
export interface Said {
  /** A last one of the assistant's stays open, so that the model continues it. */
  messages: readonly ChatMessage[]
  /** A text to continue as it is, in place of messages. */
  text?: string
  /** Whether such a text is continued beyond the texts that end the model's answers. */
  isRaw?: boolean
  system?: string
  prefill?: string
  /** Values for the chat template. */
  args?: Readonly<Record<string, unknown>>
}

/** Parts of a model that a prompt is written for. */
export interface PromptModel extends Pick<Model, 'chatTemplate' | 'generationDefaults'> {
  /** For notes and errors. Default: "the model". */
  name?: string
  tokenizer: Tokenizer
}

/** A prompt as the model receives it. */
export interface Prompt extends Pick<ChatFrame, 'reading' | 'notes' | 'dropsSystem'> {
  ids: number[]
  stop: string[]
  /** Limits of the answer: all of it has one form, or its stretches have. */
  limits: Pick<GenerateOptions, 'guide' | keyof OutputConstraint>
  /** Text of the answer that the model has written already, and that the ids have. */
  written?: string
}

export interface WriteOptions {
  /** Encodes the text of the prompt. Default: the tokenizer, up to any length. */
  encode?: (text: string, options: EncodeAsyncOptions) => Promise<number[]>
  signal?: AbortSignal
}

/** Whether answers have a form of their own, such as JSON. */
export function hasForm(options: OutputConstraint): boolean {
  return formsIn(options).length > 0
}

/** Writes a conversation with the chat template or as plain turns, and a text as it is. Rejects as `writeChat` does. */
export async function writePrompt(
  model: PromptModel,
  said: Said,
  asking: Asking,
  { signal, encode = (text, options) => model.tokenizer.encodeAsync(text, options) }: WriteOptions = {},
): Promise<Prompt> {
  const { name, chatTemplate: template, tokenizer, generationDefaults } = model
  const { messages, text, isRaw, ...texts } = said
  if (text !== undefined) {
    const stop = isRaw ? [] : (generationDefaults.stop ?? [])
    return { ids: await encode(text, { signal }), stop, ...continuation(text, asking, name) }
  }
  const frame = await writeChat(messages, { ...asking, ...texts, template, tokenizer, model: name, signal })
  const { encoding, stop, reading, guide, notes, dropsSystem } = frame
  const ids = await encode(frame.text, { ...encoding, signal })
  return { ids, stop: generationDefaults.stop ?? stop, reading, limits: guide ? { guide } : {}, notes, dropsSystem }
}

/** The whole continuation has the form. */
function continuation(text: string, { schema, grammar, regex, ...thinking }: Asking, model = 'the model') {
  return {
    reading: { prompt: text, isAnswer: false, isTurn: false },
    limits: { schema, grammar, regex },
    notes: unthought(thinking, model),
    dropsSystem: false,
  }
}

/** The conversation with messages added to it. A message that was open is in the first of them. */
export function saidWith(said: Said, added: readonly ChatMessage[]): Said {
  if (added.length === 0) return said
  const { messages } = said
  const before = messages.at(-1)?.role === 'assistant' ? messages.slice(0, -1) : messages
  return { ...said, messages: [...before, ...added], prefill: '', text: undefined }
}

/**
 * Writes the messages from index `first` on. If the model's positions are too few, leaves out the oldest turns until
 * there is room for an answer; the system text stays. Resolves with the index of the first message in the prompt, too.
 */
export async function writeFittingPrompt(
  model: PromptModel & Pick<Model, 'config'>,
  { messages, first, ...texts }: Said & { first: number },
  asking: Asking,
  { maxTokens = model.generationDefaults.maxTokens ?? ROOM, context = Infinity, signal }: GenerateOptions,
): Promise<Prompt & { first: number }> {
  const { maxPositions = Infinity } = model.config
  const limit = Math.min(maxPositions, context)
  const write = (from: number) => writePrompt(model, { ...texts, messages: messages.slice(from) }, asking, { signal })
  let from = first
  let prompt = await write(from)
  // A model without positions forgets distant tokens by itself.
  while (maxPositions < Infinity && prompt.ids.length + Math.min(maxTokens, limit / 4) > limit) {
    const next = messages.findIndex(({ role }, i) => i > from && role === 'user')
    if (next < 0) break
    from = next
    prompt = await write(from)
  }
  return { ...prompt, first: from }
}
