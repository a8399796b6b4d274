import type { AskOptions } from '../api/chat.js'
import type { GuideSpec, OutputConstraint } from '../api/guide.js'
import type { ChatMessage, ChatTemplate } from '../api/text.js'
import { UserError } from '../errors.js'
import type { Reading } from './answer-reader.js'

export interface ChatFrameOptions extends AskOptions, OutputConstraint {
  /** The model's chat template; without one, turns are written as plain text. */
  template?: ChatTemplate
  /** Further variables of the template, with values of JSON. */
  args?: Readonly<Record<string, unknown>>
  /** System text, put before the conversation. */
  system?: string
  /** Beginning of the answer. */
  prefill?: string
  signal?: AbortSignal
}

/** A conversation written out as the model's prompt. */
export interface ChatFrame {
  text: string
  /** Whether the text contains its special tokens, so that the tokenizer must not add any. */
  hasSpecialTokens: boolean
  /** Stop strings for models that name none. */
  stop: string[]
  /** Whether the model begins a new answer instead of continuing one. */
  isAnswer: boolean
  /** How the answer is to be read. */
  reading: Reading
  /** Limits of the answer; absent if there are none. */
  guide?: GuideSpec
  /** Notes for the user, such as that the model cannot stop thinking. */
  notes: string[]
  /** Whether the template leaves out the system text, so that the model never reads it. */
  dropsSystem: boolean
}

/** Names of the roles for models without a template. */
const NAMES = new Map([
  ['user', 'User'],
  ['assistant', 'Assistant'],
  ['system', 'System'],
])
const PLAIN_STOP = ['\nUser:', '\nAssistant:']

/**
 * Writes a conversation up to the beginning of the next answer. If the last message is the assistant's, it stays open,
 * so that the model continues it. Uses the model's template, else plain turns of `User:` and `Assistant:`. Rejects with
 * a UserError if the template refuses the conversation; the message says if it accepts it without the system text.
 */
export async function writeChat(
  messages: readonly ChatMessage[],
  { template, args, system = '', prefill = '', signal }: ChatFrameOptions = {},
): Promise<ChatFrame> {
  const turns = prefill === '' ? messages : [...messages, { role: 'assistant', content: prefill }]
  const continues = turns.at(-1)?.role === 'assistant'
  const isAnswer = !continues
  if (!template) {
    const text = inFront(system, plainTurns(turns, continues))
    const reading = { prompt: text, isAnswer, isTurn: true }
    return { text, hasSpecialTokens: false, stop: [...PLAIN_STOP], isAnswer, reading, notes: [], dropsSystem: false }
  }
  const options = { addGenerationPrompt: !continues, continueFinalMessage: continues, args, signal }
  const all = system.trim() === '' ? turns : [{ role: 'system', content: system }, ...turns]
  const frame = await withSystem(all, (some) => template.render(some, options))
  const reading = { response: template.response, prompt: frame.text, isAnswer, isTurn: true }
  return { ...frame, hasSpecialTokens: true, stop: [], isAnswer, reading, notes: [] }
}

/** Warning for a system text that the template leaves out (`dropsSystem`). */
export function systemDropped(model: string): string {
  return `${model}'s chat template leaves system texts out: this one has no effect`
}

/** Renders a conversation with and without its system texts: equal results mean that the template drops them. */
async function withSystem(
  messages: readonly ChatMessage[],
  render: (messages: readonly ChatMessage[]) => Promise<string>,
): Promise<Pick<ChatFrame, 'text' | 'dropsSystem'>> {
  const others = messages.filter(({ role }) => role !== 'system')
  const compares = others.length > 0 && others.length < messages.length
  if (!compares) return { text: await render(messages), dropsSystem: false }
  const without = await render(others).catch(() => undefined)
  try {
    const text = await render(messages)
    return { text, dropsSystem: text === without }
  } catch (error) {
    if (!(error instanceof UserError) || without === undefined) throw error
    throw new UserError(`${error.message}; without the system text it does`)
  }
}

function inFront(system: string, text: string): string {
  return system.trim() === '' ? text : `${system.trim()}\n\n${text}`
}

function plainTurns(messages: readonly ChatMessage[], continues: boolean): string {
  const turns = messages.map(({ role, content }) => `${NAMES.get(role) ?? role}: ${content.trim()}\n`)
  const text = turns.join('')
  return continues ? text.trimEnd() : `${text}${NAMES.get('assistant')}:`
}
