import { UserError } from '../../../ground/errors.js'
import { keyword, phrase } from '../../../ground/message.js'
import type { Expression, Rule } from './expression.js'

export function rulesOf(root: Expression): Set<Rule> {
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

/** The rules whose bodies have a property, given that the rules found so far have it. */
function closure(rules: ReadonlySet<Rule>, holds: (body: Expression, found: ReadonlySet<Rule>) => boolean): Set<Rule> {
  const found = new Set<Rule>()
  // A rule mostly names rules that come after it.
  const backwards = [...rules].reverse()
  for (let before = -1; found.size > before; ) {
    before = found.size
    for (const rule of backwards) if (!found.has(rule) && holds(rule.body, found)) found.add(rule)
  }
  return found
}

export function matchingRules(rules: ReadonlySet<Rule>): Set<Rule> {
  return closure(rules, canMatch)
}

/** Whether an expression matches some text; `matching` are the rules that do. */
export function canMatch(expression: Expression, matching: ReadonlySet<Rule>): boolean {
  return matches(expression, matching, (leaf) => leaf.kind !== 'class' || leaf.ranges.length > 0)
}

/** Whether an expression matches the empty text; `empty` are the rules that do. */
function canBeEmpty(expression: Expression, empty: ReadonlySet<Rule>): boolean {
  return matches(expression, empty, (leaf) => leaf.kind === 'text' && leaf.text === '')
}

type Leaf = Extract<Expression, { kind: 'class' | 'text' | 'special' }>

function matches(expression: Expression, rules: ReadonlySet<Rule>, isMatch: (leaf: Leaf) => boolean): boolean {
  switch (expression.kind) {
    case 'sequence':
      return expression.parts.every((part) => matches(part, rules, isMatch))
    case 'choice':
      return expression.options.some((option) => matches(option, rules, isMatch))
    case 'repeat':
      return expression.atLeast === 0 || matches(expression.part, rules, isMatch)
    case 'rule':
      return rules.has(expression.rule)
    default:
      return isMatch(expression)
  }
}

/** Throws a UserError if a rule can begin with itself, since its text has no beginning then. */
export function checkRecursion(rules: ReadonlySet<Rule>): void {
  const empty = closure(rules, canBeEmpty)
  const done = new Set<Rule>()
  const path = new Set<Rule>()
  for (const first of rules) {
    const open = [{ rule: first, isLeft: false }]
    for (let at = open.pop(); at; at = open.pop()) {
      const { rule, isLeft } = at
      if (isLeft) {
        path.delete(rule)
        done.add(rule)
      } else if (path.has(rule)) {
        const name = rule.name === undefined ? 'a rule' : phrase`the rule ${keyword(rule.name)}`
        throw new UserError(phrase`${name} begins with itself (left recursion), which is not supported`)
      } else if (!done.has(rule)) {
        path.add(rule)
        open.push({ rule, isLeft: true })
        for (const next of beginnings(rule.body, empty)) open.push({ rule: next, isLeft: false })
      }
    }
  }
}

function beginnings(expression: Expression, empty: ReadonlySet<Rule>): Rule[] {
  switch (expression.kind) {
    case 'sequence': {
      const last = expression.parts.findIndex((part) => !canBeEmpty(part, empty))
      return expression.parts.slice(0, last < 0 ? undefined : last + 1).flatMap((part) => beginnings(part, empty))
    }
    case 'choice':
      return expression.options.flatMap((option) => beginnings(option, empty))
    case 'repeat':
      return beginnings(expression.part, empty)
    case 'rule':
      return [expression.rule]
    default:
      return []
  }
}
