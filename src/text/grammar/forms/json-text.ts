import {
  choice,
  complement,
  EMPTY,
  type Expression,
  intersection,
  oneOf,
  type Ranges,
  type Rule,
  repeat,
  sequence,
  text,
} from './expression.js'
import { ANY } from './read-pattern.js'

/*
 * JSON as molm generates it: each character of a string has one spelling, so that a pattern of characters is one of
 * their spellings, and two keys are equal if and only if their spellings are.
 */

/** Characters that a JSON string spells as an escape. */
const ESCAPED: Ranges = [
  [0x00, 0x1f],
  [0x22, 0x22],
  [0x5c, 0x5c],
]

/** A blank that may follow a comma or colon. Any number of blanks would let a small model write nothing else. */
const BLANK = repeat(text(' '), 0, 1)
export const COMMA = sequence(text(','), BLANK)
export const COLON = sequence(text(':'), BLANK)

/** A JSON string whose characters match the expression. */
export function jsonString(characters: Expression): Expression {
  const rules = new Map<Rule, Rule>()
  const body = spelled(characters, rules)
  // A rule that is found on the way is added at the end.
  for (const [rule, copy] of rules) copy.body = spelled(rule.body, rules)
  return sequence(text('"'), body, text('"'))
}

/** A JSON value, with the usual blanks. */
export function jsonValue(value: unknown): Expression {
  if (Array.isArray(value)) return sequence(text('['), ...separated(value.map(jsonValue)), text(']'))
  if (typeof value !== 'object' || value === null) return text(JSON.stringify(value))
  const members = Object.entries(value).map(([key, of]) => sequence(text(JSON.stringify(key)), COLON, jsonValue(of)))
  return sequence(text('{'), ...separated(members), text('}'))
}

const letters = (characters: string): Expression =>
  oneOf(...[...characters].map((c): [number, number] => [c.charCodeAt(0), c.charCodeAt(0)]))
/** All escapes: of a quote, a backslash and the control characters, each in its shortest form. */
const ANY_ESCAPE = sequence(
  text('\\'),
  choice(
    letters('"\\bfnrt'),
    sequence(
      text('u00'),
      choice(
        sequence(text('0'), letters('01234567be')),
        sequence(text('0f')),
        sequence(text('1'), letters('0123456789abcdef')),
      ),
    ),
  ),
)

export const ANY_STRING = jsonString(repeat(ANY, 0))

function separated(parts: Expression[]): Expression[] {
  return parts.flatMap((part, i) => (i === 0 ? [part] : [COMMA, part]))
}

function spelled(expression: Expression, rules: Map<Rule, Rule>): Expression {
  switch (expression.kind) {
    case 'class':
      return spelledClass(expression.ranges)
    case 'text':
      return text(JSON.stringify(expression.text).slice(1, -1))
    case 'sequence':
      return sequence(...expression.parts.map((part) => spelled(part, rules)))
    case 'choice':
      return choice(...expression.options.map((option) => spelled(option, rules)))
    case 'repeat':
      return repeat(spelled(expression.part, rules), expression.atLeast, expression.atMost)
    case 'rule': {
      const copy = rules.get(expression.rule) ?? { body: EMPTY }
      rules.set(expression.rule, copy)
      return { kind: 'rule', rule: copy }
    }
    case 'special':
      throw new Error('a string of JSON has no special tokens')
  }
}

function spelledClass(ranges: Ranges): Expression {
  const plain = intersection(ranges, complement(ESCAPED))
  const escaped = intersection(ranges, ESCAPED)
  const options: Expression[] = plain.length > 0 ? [{ kind: 'class', ranges: plain }] : []
  const isWhole = (from: number, to: number) => escaped.some((range) => range[0] <= from && to <= range[1])
  // The usual class has all escapes: as few alternatives as possible.
  if (isWhole(0x00, 0x1f) && isWhole(0x22, 0x22) && isWhole(0x5c, 0x5c)) return choice(...options, ANY_ESCAPE)
  for (const [from, to] of escaped) {
    for (let code = from; code <= to; code++) options.push(text(JSON.stringify(String.fromCharCode(code)).slice(1, -1)))
  }
  return choice(...options)
}
