import type { Tool } from '../../api/chat.js'
import type { Grammar } from '../../api/guide.js'
import type { ResponseField } from '../../api/response.js'
import { argumentsOf, type CallGuide, choice, sequence } from './call-grammar.js'

const CHANNELS = ['commentary', 'analysis']

/**
 * Calls of harmony: a message to `functions.NAME`, with JSON as its text. Its closer ends the answer, so that there is
 * one call at most. Models also write the recipient before the channel.
 */
export function harmonyCalls(field: ResponseField, tools: readonly Tool[]): CallGuide | undefined {
  if (field.content !== 'json' || !field.openPattern?.includes('to=functions')) return undefined
  const call = (header: string) =>
    choice(tools.map((tool) => sequence(tool.name + header, { kind: 'schema', schema: argumentsOf(tool) })))
  const after = (text: string, then: Grammar) => ({ text, then })
  const rest = call(' <|constrain|>json<|message|>')
  return {
    triggers: [
      ...CHANNELS.map((channel) => after(`<|channel|>${channel} to=functions.`, rest)),
      after('<|start|>assistant to=functions.', call('<|channel|>commentary <|constrain|>json<|message|>')),
    ],
    calls: sequence('<|channel|>commentary to=functions.', rest),
  }
}
