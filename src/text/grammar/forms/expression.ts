/*
 * Context-free grammars as data. Schemas, EBNF and patterns become expressions, and these the automata of `run/`.
 */

/** Code points, as pairs of the first and last one, in order and apart. */
export type Ranges = readonly (readonly [number, number])[]

export type Expression =
  /** One character of these. */
  | { kind: 'class'; ranges: Ranges }
  | { kind: 'text'; text: string }
  /** A special token, by its place in the list of all. */
  | { kind: 'special'; special: number }
  | { kind: 'sequence'; parts: readonly Expression[] }
  | { kind: 'choice'; options: readonly Expression[] }
  /** The part `atLeast` to `atMost` times; without `atMost`, any number. */
  | { kind: 'repeat'; part: Expression; atLeast: number; atMost?: number }
  | { kind: 'rule'; rule: Rule }

/** An expression that others name, itself included. */
export interface Rule {
  /** Its name in EBNF. */
  name?: string
  body: Expression
}

export const EMPTY: Expression = { kind: 'text', text: '' }
/** Matches no text. */
export const NEVER: Expression = { kind: 'choice', options: [] }

export const text = (text: string): Expression => ({ kind: 'text', text })

export function sequence(...parts: Expression[]): Expression {
  const flat = parts.flatMap((part) => (part.kind === 'sequence' ? part.parts : part === EMPTY ? [] : [part]))
  return flat.length === 1 ? flat[0] : flat.length === 0 ? EMPTY : { kind: 'sequence', parts: flat }
}

export function choice(...options: Expression[]): Expression {
  const flat = options.flatMap((option) => (option.kind === 'choice' ? option.options : [option]))
  return flat.length === 1 ? flat[0] : { kind: 'choice', options: flat }
}

export function repeat(part: Expression, atLeast: number, atMost?: number): Expression {
  if (atMost === 0) return EMPTY
  return atLeast === 1 && atMost === 1 ? part : { kind: 'repeat', part, atLeast, atMost }
}

/** A part several times, with a separator between. */
export function separated(part: Expression, separator: Expression, atLeast: number, atMost?: number): Expression {
  if (atMost === 0) return EMPTY
  const more = repeat(sequence(separator, part), Math.max(0, atLeast - 1), atMost && atMost - 1)
  const some = sequence(part, more)
  return atLeast === 0 ? optional(some) : some
}

export const optional = (part: Expression): Expression => repeat(part, 0, 1)

/** One character of the ranges, or of all others. */
export function characters(ranges: Ranges, isNegated: boolean): Expression {
  return { kind: 'class', ranges: isNegated ? complement(ranges) : normalised(ranges) }
}

export const oneOf = (...ranges: [number, number][]): Expression => ({ kind: 'class', ranges: normalised(ranges) })

/** First number after the code points. */
export const END_OF_UNICODE = 0x110000
const SURROGATES = [0xd800, 0xdfff] as const

/** Ranges in order and apart, without the code points that no text has. */
export function normalised(ranges: readonly (readonly [number, number])[]): Ranges {
  const cut = ranges
    .map(([from, to]) => [Math.max(0, from), Math.min(to, END_OF_UNICODE - 1)] as const)
    .flatMap(([from, to]) => [
      [from, Math.min(to, SURROGATES[0] - 1)] as const,
      [Math.max(from, SURROGATES[1] + 1), to] as const,
    ])
    .filter(([from, to]) => from <= to)
    .sort((a, b) => a[0] - b[0])
  const joined: [number, number][] = []
  for (const [from, to] of cut) {
    const last = joined.at(-1)
    if (last && from <= last[1] + 1) last[1] = Math.max(last[1], to)
    else joined.push([from, to])
  }
  return joined
}

/** The code points that the ranges lack. */
export function complement(ranges: Ranges): Ranges {
  const gaps: [number, number][] = []
  let from = 0
  for (const [first, last] of normalised(ranges)) {
    if (first > from) gaps.push([from, first - 1])
    from = last + 1
  }
  gaps.push([from, END_OF_UNICODE - 1])
  return normalised(gaps)
}

export function intersection(a: Ranges, b: Ranges): Ranges {
  return complement([...complement(a), ...complement(b)])
}
