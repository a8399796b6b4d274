import type { Tool } from '../../api/chat.js'
import type { Grammar } from '../../api/guide.js'

/** Grammars of the calls that a model may write. */
export interface CallGuide {
  /** Texts after which the rest of a call, with its closer, must match a grammar. */
  triggers: { text: string; then: Grammar }[]
  /** One call, or several if the answer may have them, for an answer that must call. Nothing is before or after them. */
  calls: Grammar
}

export const text = (text: string): Grammar => ({ kind: 'text', text })

export const sequence = (...parts: (Grammar | string)[]): Grammar => ({
  kind: 'sequence',
  parts: parts.map((part) => (typeof part === 'string' ? text(part) : part)),
})

export const choice = (options: readonly Grammar[]): Grammar =>
  options.length === 1 ? options[0] : { kind: 'choice', options }

/** The part once, or several times with a separator between. */
export const severalIf = (several: boolean, part: Grammar, separator: string): Grammar =>
  several ? { kind: 'repeat', part, separator, atLeast: 1 } : part

/** JSON Schema of a tool's arguments. */
export const argumentsOf = ({ parameters }: Tool): Readonly<Record<string, unknown>> =>
  parameters ?? { type: 'object', properties: {}, additionalProperties: false }
