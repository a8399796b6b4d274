import { UserError } from '../../errors.js'
import type { Expression, Ranges, Rule } from './expression.js'

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
  return `${lines.join('\n')}\n`
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
        return `"${[...expression.text].map((character) => escaped(character.codePointAt(0) as number)).join('')}"`
      case 'sequence':
        return `(${expression.parts.map(write).join(' ')})`
      case 'choice':
        return `(${expression.options
          .filter((option) => canMatch(option, matching))
          .map(write)
          .join(' | ')})`
      case 'repeat':
        return canMatch(expression.part, matching) ? write(expression.part) + times(expression) : '""'
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

function writtenClass(ranges: Ranges): string {
  return `[${ranges.map(([from, to]) => escaped(from) + (to > from ? `-${escaped(to)}` : '')).join('')}]`
}

/** A character of a text or class; all but letters, digits and blanks as an escape. */
function escaped(code: number): string {
  const character = String.fromCodePoint(code)
  if (/[A-Za-z0-9 ]/.test(character)) return character
  return code > 0xffff ? `\\U${code.toString(16).padStart(8, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`
}
