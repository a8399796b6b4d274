import type { ChatMessage, ChatTemplate } from '../text/chat-template.js'

/** A conversation as the model gets it. */
export interface ChatText {
  text: string
  /** Whether the text has the tokens in it that begin it. */
  hasSpecialTokens: boolean
  /** Texts that end the answer. */
  stop: string[]
}

/** How turns are written for a model that brings no template. */
const NAMES: Record<string, string> = { user: 'User', assistant: 'Assistant' }
const PLAIN_STOP = ['\nUser:', '\nAssistant:']

/**
 * Writes a conversation out up to the beginning of the next answer: by the model's template, else as plain turns of
 * `User:` and `Assistant:`. A system text that the template leaves out goes in front.
 */
export async function writeChat(
  messages: readonly ChatMessage[],
  system: string,
  options: { chatTemplate?: ChatTemplate; stop?: readonly string[]; signal?: AbortSignal },
): Promise<ChatText> {
  const { chatTemplate, stop, signal } = options
  const all = system === '' ? messages : [{ role: 'system', content: system }, ...messages]
  const text = chatTemplate
    ? await chatTemplate.render(all, { addGenerationPrompt: true, signal })
    : plainTurns(messages)
  const hasSystem = chatTemplate !== undefined && text.includes(system.trim())
  return {
    text: system === '' || hasSystem ? text : `${system.trim()}\n\n${text}`,
    hasSpecialTokens: chatTemplate !== undefined,
    stop: [...(stop ?? (chatTemplate ? [] : PLAIN_STOP))],
  }
}

function plainTurns(messages: readonly ChatMessage[]): string {
  const turns = messages.map(({ role, content }) => `${NAMES[role] ?? role}: ${content.trim()}\n`)
  return `${turns.join('')}${NAMES.assistant}:`
}
