import { UserError } from '../../../ground/errors.js'
import { choice, EMPTY, type Expression, NEVER, type Rule, sequence } from './expression.js'
import { COMMA } from './json-text.js'

/** Most places in a list, each with a number of members before it. */
const MOST_PLACES = 20_000

/** Members of a list in its order, `least` to `most` of them, with commas between. */
export function choicesInOrder(
  members: readonly { expression: Expression; isRequired: boolean }[],
  least: number,
  most: number,
  more: (taken: number) => Expression = (taken) => (taken >= least ? EMPTY : NEVER),
): Expression {
  const counts = least > 0 || most !== Infinity
  const rules = new Map<string, Rule>()
  const from = (i: number, taken: number): Expression => {
    const key = `${i} ${counts ? taken : Math.min(taken, 1)}`
    const known = rules.get(key)
    if (known) return { kind: 'rule', rule: known }
    if (rules.size > MOST_PLACES) throw new UserError('it has too many combinations of properties')
    const rule: Rule = { body: NEVER }
    rules.set(key, rule)
    open.push(() => {
      rule.body = bodyOf(i, taken)
    })
    return { kind: 'rule', rule }
  }
  const bodyOf = (i: number, taken: number): Expression => {
    if (i === members.length) return more(taken)
    const { expression, isRequired } = members[i]
    const one = taken === 0 ? expression : sequence(COMMA, expression)
    const take = taken < most ? sequence(one, from(i + 1, taken + 1)) : NEVER
    return isRequired ? take : choice(take, from(i + 1, taken))
  }
  const open: (() => void)[] = []
  const first = from(0, 0)
  for (let fill = open.pop(); fill; fill = open.pop()) fill()
  return first
}
