import { UserError } from '../../../ground/errors.js'
import type { Expression, Ranges, Rule } from '../forms/expression.js'
import { canMatch, checkRecursion, matchingRules, rulesOf } from '../forms/matching-rules.js'
import { ByteGrammar, NOTHING } from './byte-grammar.js'

/** The grammar of an expression. Throws a UserError if no text matches, if it is too large, or if a rule begins with itself. */
export function byteGrammarOf(expression: Expression): ByteGrammar {
  const rules = rulesOf(expression)
  const matching = matchingRules(rules)
  if (!canMatch(expression, matching)) throw new UserError('no text satisfies it')
  checkRecursion(rules)
  return new ExpressionReader(matching).read(expression)
}

class ExpressionReader {
  private readonly grammar = new ByteGrammar()
  private readonly known = new Map<Expression, number>()
  private readonly rules = new Map<Rule, number>()

  constructor(private readonly matching: ReadonlySet<Rule>) {}

  read(root: Expression): ByteGrammar {
    const { grammar, rules } = this
    grammar.root = this.nodeOf(root)
    // A rule that is found on the way is added at the end.
    for (const [rule, node] of rules) (grammar.nodes[node] as { body: number }).body = this.nodeOf(rule.body)
    return grammar
  }

  private nodeOf(expression: Expression): number {
    const known = this.known.get(expression)
    if (known !== undefined) return known
    const node = this.made(expression)
    this.known.set(expression, node)
    return node
  }

  private made(expression: Expression): number {
    const { grammar, matching, rules } = this
    switch (expression.kind) {
      case 'class':
        return this.characters(expression.ranges)
      case 'text':
        return this.oneAfterTheOther([...UTF8.encode(expression.text)].map((byte) => [byte, byte] as const))
      case 'special':
        return grammar.add({ kind: 'symbols', bytes: [], specials: [{ special: expression.special, rest: NOTHING }] })
      case 'sequence':
        return grammar.add({ kind: 'sequence', parts: expression.parts.map((part) => this.nodeOf(part)) })
      case 'choice': {
        const options = expression.options.filter((option) => canMatch(option, matching))
        return grammar.add({ kind: 'choice', options: options.map((option) => this.nodeOf(option)) })
      }
      case 'repeat': {
        const { part, atLeast, atMost = Infinity } = expression
        return canMatch(part, matching) ? grammar.repeat(this.nodeOf(part), atLeast, atMost) : NOTHING
      }
      case 'rule': {
        const node = rules.get(expression.rule) ?? grammar.addNew({ kind: 'rule', body: NOTHING })
        rules.set(expression.rule, node)
        return node
      }
    }
  }

  private characters(ranges: Ranges): number {
    const bytes = ranges
      .flatMap(([from, to]) => utf8Ranges(from, to))
      .map(([[from, to], ...rest]) => ({ from, to, rest: this.oneAfterTheOther(rest) }))
    return this.grammar.add({ kind: 'symbols', bytes, specials: [] })
  }

  private oneAfterTheOther(ranges: readonly (readonly [number, number])[]): number {
    return ranges.reduceRight(
      (rest, [from, to]) => this.grammar.add({ kind: 'symbols', bytes: [{ from, to, rest }], specials: [] }),
      NOTHING,
    )
  }
}

const UTF8 = new TextEncoder()

/** UTF-8 of the code points `from` to `to`, as sequences of ranges of bytes. Surrogates must not be among them. */
function utf8Ranges(from: number, to: number): [number, number][][] {
  for (const last of [0x7f, 0x7ff, 0xffff]) {
    if (from <= last && to > last) return [...utf8Ranges(from, last), ...utf8Ranges(last + 1, to)]
  }
  if (to <= 0x7f) return [[[from, to]]]
  // Divide until each byte has its own range, whatever the others are.
  for (const bits of [6, 12, 18]) {
    const low = 2 ** bits - 1
    if ((from & ~low) === (to & ~low)) continue
    if ((from & low) !== 0) return [...utf8Ranges(from, from | low), ...utf8Ranges((from | low) + 1, to)]
    if ((to & low) !== low) return [...utf8Ranges(from, (to & ~low) - 1), ...utf8Ranges(to & ~low, to)]
  }
  const [first, last] = [from, to].map((code) => new TextEncoder().encode(String.fromCodePoint(code)))
  return [[...first].map((byte, i) => [byte, last[i]])]
}
