import type { ChatMessage, ChatTemplate } from './chat-template.js'

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
  /** Whether an answer begins anew, and does not go on from text of its own. */
  isAnswer: boolean
}

/** How turns are written for a model that brings no template. */
const NAMES = new Map([
  ['user', 'User'],
  ['assistant', 'Assistant'],
  ['system', 'System'],
])
const PLAIN_STOP = ['\nUser:', '\nAssistant:']

/**
 * Writes a conversation out up to the beginning of the next answer, or of what is to follow the last message where that
 * is the assistant's: by the model's template, else as plain turns of `User:` and `Assistant:`. A system text that the
 * template leaves out goes in front of what the first message says.
 */
export async function writeChat(
  messages: readonly ChatMessage[],
  { template, args, system = '', prefill = '', signal }: ChatFrameOptions = {},
): Promise<ChatFrame> {
  const turns = prefill === '' ? messages : [...messages, { role: 'assistant', content: prefill }]
  const continues = turns.at(-1)?.role === 'assistant'
  if (!template) {
    const text = plainTurns(turns, continues)
    return { text: inFront(system, text), hasSpecialTokens: false, stop: [...PLAIN_STOP], isAnswer: !continues }
  }
  const options = { addGenerationPrompt: !continues, continueFinalMessage: continues, args, signal }
  const text = await withSystem(system, turns, (all) => template.render(all, options))
  return { text, hasSpecialTokens: true, stop: [], isAnswer: !continues }
}

async function withSystem(
  system: string,
  turns: readonly ChatMessage[],
  render: (messages: readonly ChatMessage[]) => Promise<string>,
): Promise<string> {
  if (system.trim() === '') return render(turns)
  const text = await render([{ role: 'system', content: system }, ...turns])
  const [first, ...others] = turns
  // A template that writes the same without a system message leaves it out.
  if (!first || text !== (await render(turns))) return text
  return render([{ ...first, content: inFront(system, first.content) }, ...others])
}

function inFront(system: string, text: string): string {
  return system.trim() === '' ? text : `${system.trim()}\n\n${text}`
}

function plainTurns(messages: readonly ChatMessage[], continues: boolean): string {
  const turns = messages.map(({ role, content }) => `${NAMES.get(role) ?? role}: ${content.trim()}\n`)
  const text = turns.join('')
  return continues ? text.trimEnd() : `${text}${NAMES.get('assistant')}:`
}
