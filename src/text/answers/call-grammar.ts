import type { Tool } from '../../api/chat-options.js'
import type { Grammar } from '../../api/guide.js'
import { withoutBounds } from './tool-parameters.js'

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
  parts: parts.filter((part) => part !== '').map((part) => (typeof part === 'string' ? text(part) : part)),
})

export const choice = (options: readonly Grammar[]): Grammar =>
  options.length === 1 ? options[0] : { kind: 'choice', options }

export const optional = (part: Grammar): Grammar => ({ kind: 'repeat', part, atLeast: 0, atMost: 1 })

/** The part once, or several times with a separator between. */
export const severalIf = (several: boolean, part: Grammar, separator: string): Grammar =>
  several ? { kind: 'repeat', part, separator, atLeast: 1 } : part

/** JSON Schema of a tool's arguments, as far as a grammar can have it. */
export const argumentsOf = ({ parameters }: Tool): Readonly<Record<string, unknown>> =>
  parameters ? withoutBounds(parameters) : { type: 'object', properties: {}, additionalProperties: false }

/** One of the grammars that all tools have; undefined if one has none. */
export function anyOf(tools: readonly Tool[], grammarOf: (tool: Tool) => Grammar | undefined): Grammar | undefined {
  const grammars = tools.map(grammarOf)
  return grammars.every((grammar) => grammar !== undefined) ? choice(grammars) : undefined
}

/** Arguments in their order with separators between; optional ones may be missing. */
export function inOrder(args: readonly { grammar: Grammar; isRequired: boolean }[], separator: string): Grammar {
  const rest = args.map(({ grammar, isRequired }) => {
    const one = sequence(separator, grammar)
    return isRequired ? one : optional(one)
  })
  if (separator === '') return sequence(...rest)
  const firstRequired = args.findIndex(({ isRequired }) => isRequired)
  const firsts = firstRequired < 0 ? args : args.slice(0, firstRequired + 1)
  const options = firsts.map(({ grammar }, i) => sequence(grammar, ...rest.slice(i + 1)))
  return choice(firstRequired < 0 ? [...options, text('')] : options)
}

/**
 * Any text without another, such as a closer. Each rule is the text behind a number of its characters: one that
 * continues it, one that begins it again, or another.
 */
export function textWithout(closer: string): Grammar {
  const first = characterOf(closer[0])
  const rules = [...closer.slice(0, -1)].map((_, i) => {
    const next = closer[i]
    const begin = next === closer[0] ? '' : ` | [${first}] ${ruleName(1)}`
    const others = next === closer[0] ? first : first + characterOf(next)
    return `${ruleName(i)} ::= "" | [${characterOf(next)}] ${ruleName(i + 1)}${begin} | [^${others}] ${ruleName(0)}`
  })
  const last = closer[closer.length - 1]
  rules.push(
    `${ruleName(closer.length - 1)} ::= "" | [${first}] ${ruleName(1)} | [^${first}${characterOf(last)}] ${ruleName(0)}`,
  )
  return { kind: 'ebnf', text: rules.join('\n') }
}

const ruleName = (index: number): string => (index === 0 ? 'root' : `after${index}`)

/** A character in a class of EBNF. */
const characterOf = (character: string): string => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`
