import type { Grammar, GuidePhase } from '../../api/guide.js'
import { UserError } from '../../ground/errors.js'
import type { EncodedPhase } from './protocol.js'

/** Most characters of a guide, its grammars included. */
const LONGEST_SPEC = 2 ** 20

/** A guide as texts: its phases, and the grammars that they refer to by their places. */
export interface EncodedGuide {
  /** JSON of a list of `EncodedPhase`. */
  phases: string
  grammars: string[]
}

/** Encodes a guide; `encode` gives the tokens of a fixed text. Throws a UserError if it is too large, or no JSON. */
export function encodeGuide(phases: readonly GuidePhase[], encode: (text: string) => number[]): EncodedGuide {
  const grammars: string[] = []
  const placeOf = (grammar: Grammar): number => grammars.push(jsonOf(grammar)) - 1
  const encoded = jsonOf(phases.map((phase) => encodedPhase(phase, encode, placeOf)))
  if (grammars.reduce((sum, { length }) => sum + length, encoded.length) > LONGEST_SPEC) {
    throw new UserError(`the schema or grammar is too large: it may have ${LONGEST_SPEC} characters`)
  }
  return { phases: encoded, grammars }
}

function encodedPhase(
  phase: GuidePhase,
  encode: (text: string) => number[],
  placeOf: (grammar: Grammar) => number,
): EncodedPhase {
  switch (phase.kind) {
    case 'forced':
      return { kind: 'forced', tokens: encode(phase.text) }
    case 'grammar':
      return { kind: 'grammar', grammar: placeOf(phase.grammar) }
    case 'calls':
      return { ...phase, triggers: phase.triggers.map(({ text, then }) => ({ text, grammar: placeOf(then) })) }
    case 'free': {
      const { budget, close, until } = phase
      if (budget !== undefined && !until.some((text) => close?.includes(text))) {
        throw new UserError('a phase with a `budget` needs a `close` that contains one of its texts `until`')
      }
      return { ...phase, close: close === undefined ? [] : encode(close) }
    }
  }
}

/** JSON.stringify would leave these values out. */
function onlyJson(name: string, value: unknown): unknown {
  if (typeof value !== 'function' && typeof value !== 'symbol') return value
  throw new UserError(`the schema or grammar cannot be used: \`${name}\` is a ${typeof value}, and JSON has none`)
}

function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value, onlyJson)
  } catch (error) {
    const why = error instanceof RangeError ? 'it is nested too deeply' : 'it is not JSON'
    if (error instanceof UserError) throw error
    throw new UserError(`the schema or grammar cannot be used: ${why}`)
  }
}
