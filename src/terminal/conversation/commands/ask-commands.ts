import type { Asking } from '../../../api/ask-options.js'
import { fit, harmless } from '../../../ground/output/cell-width.js'
import { nameInWords } from '../answers/call-words.js'
import type { Chat } from '../chat-state.js'
import { parseThink, thinkInWords } from '../settings.js'

const MOST_QUOTED = 200

export const ASK_ACTIONS = {
  think(chat: Chat, argument: string): void {
    if (argument !== '') change(chat, parseThink(argument))
    chat.say('note', thinkInWords(chat.conversation.parts.asking))
  },
  thoughts: (chat: Chat) => chat.openThoughts(),
  tools(chat: Chat): void {
    const tools = chat.answers.tools.available
    if (tools.length === 0) return chat.say('note', 'no tools; molm chat --mcp COMMAND adds those of a server')
    const { question } = chat.answers.tools
    const lines = tools.map((tool) => {
      const { name, server, hasEnded, description = '' } = tool
      const from = server === undefined ? '' : ` of ${nameInWords(server)}`
      const how = hasEnded ? ', which has ended' : question.allows(tool) ? ', runs without a question' : ''
      const about = fit(harmless(description).replace(/\s+/g, ' '), MOST_QUOTED)
      return `${nameInWords(name)}${from}${how}${about === '' ? '' : `: ${about}`}`
    })
    chat.say('note', lines.join('\n'))
  },
  async schema(chat: Chat, argument: string): Promise<void> {
    if (argument === '') return chat.say('note', formInWords(chat.conversation.parts.asking))
    await chat.work(async () => {
      const schema = argument === 'off' ? undefined : await chat.options.readSchema?.(argument)
      await chat.model.checkConstraint({ schema })
      change(chat, { schema, grammar: undefined, regex: undefined })
    })
    chat.say('note', formInWords(chat.conversation.parts.asking))
  },
}

function change(chat: Chat, asking: Partial<Asking>): void {
  const { parts } = chat.conversation
  const all = Object.entries({ ...parts.asking, ...asking })
  parts.asking = Object.fromEntries(all.filter(([, value]) => value !== undefined))
}

function formInWords({ schema, grammar, regex }: Asking): string {
  const quoted = (text: string) => fit(harmless(text).replace(/\s+/g, ' '), MOST_QUOTED)
  if (schema !== undefined) return `answers are JSON of the schema ${quoted(JSON.stringify(schema))}`
  if (grammar !== undefined) return `answers follow the grammar ${quoted(grammar)}`
  return regex === undefined ? 'answers have no fixed form' : `answers match ${quoted(regex)}`
}
