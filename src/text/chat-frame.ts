import type { ChatMessage, ChatTemplate } from '../api/text.js'
import { UserError } from '../errors.js'

export interface ChatFrameOptions {
  /** The model's way to write a conversation; without one, turns are written as plain text. */
  template?: ChatTemplate
  /** More that the template knows by name, as JSON has it. */
  args?: Readonly<Record<string, unknown>>
  /** A text in front of the conversation. */
  system?: string
  /** What the answer begins with. */
  prefill?: string
  signal?: AbortSignal
}

/** A conversation as the model gets it. */
export interface ChatFrame {
  text: string
  /** Whether the text has the tokens in it that begin it. */
  hasSpecialTokens: boolean
  /** Texts that end the answer where the model names none. */
  stop: string[]
  /** Whether a new answer begins, rather than text of its own continuing. */
  isAnswer: boolean
  /** Whether there is a system text that the template does not write: the model never reads it. */
  dropsSystem: boolean
}

/** How turns are written for a model that brings no template. */
const NAMES = new Map([
  ['user', 'User'],
  ['assistant', 'Assistant'],
  ['system', 'System'],
])
const PLAIN_STOP = ['\nUser:', '\nAssistant:']

/**
 * Writes a conversation out up to the beginning of the next answer, or, if the last message is the assistant's, up to
 * where that continues: by the model's template, else as plain turns of `User:` and `Assistant:`. Rejects with a
 * UserError that says so if the template takes the conversation only without its system text.
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
    return { text, hasSpecialTokens: false, stop: [...PLAIN_STOP], isAnswer, dropsSystem: false }
  }
  const options = { addGenerationPrompt: !continues, continueFinalMessage: continues, args, signal }
  const all = system.trim() === '' ? turns : [{ role: 'system', content: system }, ...turns]
  const frame = await withSystem(all, (some) => template.render(some, options))
  return { ...frame, hasSpecialTokens: true, stop: [], isAnswer }
}

/** The message to a user whose system text `dropsSystem` says is not read. */
export function systemDropped(model: string): string {
  return `${model}'s chat template leaves system texts out: this one has no effect`
}

/** Renders a conversation, and once more without its system texts: a template that drops them writes the same. */
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
