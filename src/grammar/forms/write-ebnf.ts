import { UserError } from '../../errors.js'
import { asciiOf, asciiOfClass, asciiOfSpecial } from './bytes-as-ascii.js'
import { complement, END_OF_TEXT, type Expression, intersection, type Ranges, type Rule } from './expression.js'

/** Most characters of a grammar as XGrammar reads it. */
const LONGEST = 2 ** 20

/**
 * Writes an expression as EBNF for XGrammar, without the parts that match no text. Throws a UserError if that leaves
 * nothing, or if the grammar is too large.
 */
export function writeEbnf(root: Expression): string {
  const rules = rulesOf(root)
  const matching = matchingRules(rules)
  if (!canMatch(root, matching)) throw new UserError('no text satisfies it')
  const names = new Map<Rule, string>()
  for (const rule of rules) if (matching.has(rule)) names.set(rule, `r${names.size}`)
  const lines: string[] = []
  let size = 0
  const add = (name: string, body: Expression) => {
    const line = `${name} ::= ${written(body, matching, names)}`
    size += line.length
    if (size > LONGEST) throw new UserError(`it is too large: as a grammar it has more than ${LONGEST} characters`)
    lines.push(line)
  }
  add('root', root)
  for (const [rule, name] of names) add(name, rule.body)
  const text = lines.join('\n')
  return text.includes(BEYOND_NAME) ? `${text}\n${BEYOND_NAME} ::= ${writtenSequences(BEYOND)}\n` : `${text}\n`
}

/** All rules that an expression reaches. */
function rulesOf(root: Expression): Set<Rule> {
  const rules = new Set<Rule>()
  const open: Expression[] = [root]
  for (let at = open.pop(); at; at = open.pop()) {
    if (at.kind === 'sequence') open.push(...at.parts)
    else if (at.kind === 'choice') open.push(...at.options)
    else if (at.kind === 'repeat') open.push(at.part)
    else if (at.kind === 'rule' && !rules.has(at.rule)) {
      rules.add(at.rule)
      open.push(at.rule.body)
    }
  }
  return rules
}

/** The rules that match some text: those whose body does, given the ones already found. */
function matchingRules(rules: ReadonlySet<Rule>): Set<Rule> {
  const matching = new Set<Rule>()
  // A rule mostly names those that come after it.
  const backwards = [...rules].reverse()
  for (let before = -1; matching.size > before; ) {
    before = matching.size
    for (const rule of backwards) if (!matching.has(rule) && canMatch(rule.body, matching)) matching.add(rule)
  }
  return matching
}

function canMatch(expression: Expression, matching: ReadonlySet<Rule>): boolean {
  switch (expression.kind) {
    case 'class':
      return expression.ranges.length > 0
    case 'text':
      return true
    case 'sequence':
      return expression.parts.every((part) => canMatch(part, matching))
    case 'choice':
      return expression.options.some((option) => canMatch(option, matching))
    case 'repeat':
      return expression.atLeast === 0 || canMatch(expression.part, matching)
    case 'rule':
      return matching.has(expression.rule)
  }
}

function written(root: Expression, matching: ReadonlySet<Rule>, names: ReadonlyMap<Rule, string>): string {
  const write = (expression: Expression): string => {
    switch (expression.kind) {
      case 'class':
        return writtenClass(expression.ranges)
      case 'text':
        return writtenText(expression.text)
      case 'sequence':
        return `(${expression.parts.map(write).join(' ')})`
      case 'choice':
        return `(${expression.options
          .filter((option) => canMatch(option, matching))
          .map(write)
          .join(' | ')})`
      case 'repeat':
        return canMatch(expression.part, matching) ? `(${write(expression.part)})${times(expression)}` : '""'
      case 'rule':
        return names.get(expression.rule) as string
    }
  }
  return write(root)
}

function times({ atLeast, atMost }: { atLeast: number; atMost?: number }): string {
  if (atMost === undefined) return atLeast === 0 ? '*' : atLeast === 1 ? '+' : `{${atLeast},}`
  return atLeast === 0 && atMost === 1 ? '?' : `{${atLeast},${atMost}}`
}

/** All characters beyond ASCII. */
const BEYOND: Ranges = complement([[0, 0x7f]])
/** Rule of those, since most classes have them. */
const BEYOND_NAME = 'beyond'

function writtenClass(ranges: Ranges): string {
  const ascii = asciiOfClass(intersection(ranges, [[0, 0x7f]])).flat()
  const others = intersection(ranges, BEYOND)
  const options = ascii.length > 0 ? [writtenRanges(ascii)] : []
  if (String(others) === String(BEYOND)) options.push(BEYOND_NAME)
  else if (others.length > 0) options.push(writtenSequences(others))
  return options.length === 1 ? options[0] : `(${options.join(' | ')})`
}

function writtenSequences(ranges: Ranges): string {
  return `(${asciiOfClass(ranges)
    .map((sequence) => `(${sequence.map((range) => writtenRanges([range])).join(' ')})`)
    .join(' | ')})`
}

function writtenRanges(ranges: Ranges): string {
  const [[from, to]] = ranges
  if (ranges.length === 1 && from === to) return `"${escaped(from)}"`
  return `[${ranges.map(([from, to]) => escaped(from) + (to > from ? `-${escaped(to)}` : '')).join('')}]`
}

function writtenText(text: string): string {
  let ascii = ''
  for (const character of text) {
    const code = character.codePointAt(0) as number
    if (code >= END_OF_TEXT) ascii += asciiOfSpecial(code - END_OF_TEXT)
    else ascii += asciiOf(UTF8.encode(character)) ?? fail(code)
  }
  return `"${[...ascii].map((character) => escaped(character.charCodeAt(0))).join('')}"`
}

const UTF8 = new TextEncoder()

function fail(code: number): never {
  throw new UserError(`the character U+${code.toString(16).padStart(4, '0').toUpperCase()} is not supported`)
}

/** A character of a text or class; all but letters, digits and blanks as an escape. */
function escaped(code: number): string {
  const character = String.fromCharCode(code)
  return /[A-Za-z0-9 ]/.test(character) ? character : `\\u${code.toString(16).padStart(4, '0')}`
}
