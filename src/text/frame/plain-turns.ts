import type { ChatMessage } from '../../api/text.js'

/** Names of the roles for models without a template. */
const NAMES = new Map([
  ['user', 'User'],
  ['assistant', 'Assistant'],
  ['system', 'System'],
])

/** Texts that end an answer in plain turns. */
export const PLAIN_STOP = ['\nUser:', '\nAssistant:']

/** Writes a conversation as plain text, up to the beginning of the next answer or the end of the one that continues. */
export function plainTurns(messages: readonly ChatMessage[], system: string, continues: boolean): string {
  const turns = messages.map(({ role, content }) => `${NAMES.get(role) ?? role}: ${content.trim()}\n`).join('')
  const text = continues ? turns.trimEnd() : `${turns}${NAMES.get('assistant')}:`
  return system.trim() === '' ? text : `${system.trim()}\n\n${text}`
}
