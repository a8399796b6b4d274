import { UserError } from '../../errors.js'
import type { Expression, Ranges, Rule } from '../forms/expression.js'
import { canMatch, checkRecursion, matchingRules, rulesOf } from '../forms/matching-rules.js'
import { utf8Ranges } from '../forms/utf8-ranges.js'

/** A byte of these, or a special token, and then `rest`. */
export interface Edge {
  from: number
  to: number
  rest: number
}

/** A part of a grammar, with the numbers of its own parts. */
export type Node =
  /** One of the bytes or special tokens. */
  | { kind: 'symbols'; bytes: readonly Edge[]; specials: readonly { special: number; rest: number }[] }
  | { kind: 'sequence'; parts: readonly number[] }
  | { kind: 'choice'; options: readonly number[] }
  | { kind: 'repeat'; part: number; atLeast: number; atMost: number }
  | { kind: 'rule'; body: number }

/** The empty text. */
export const NOTHING = 0

/** Most nodes of a grammar. */
const MOST_NODES = 2 ** 20

/** A grammar of bytes, without parts that match no text. */
export class ByteGrammar {
  readonly nodes: Node[] = [{ kind: 'sequence', parts: [] }]
  readonly root: number
  private readonly known = new Map<Expression, number>()
  private readonly rules = new Map<Rule, number>()
  /** Nodes by their contents: equal ones are one, so that a state has one stack for all. */
  private readonly numbers = new Map<string, number>()
  private readonly matching: ReadonlySet<Rule>

  /** Throws a UserError if no text matches, if it is too large, or if a rule begins with itself. */
  constructor(root: Expression) {
    const rules = rulesOf(root)
    this.matching = matchingRules(rules)
    if (!canMatch(root, this.matching)) throw new UserError('no text satisfies it')
    checkRecursion(rules)
    this.root = this.nodeOf(root)
    for (const [rule, node] of this.rules) (this.nodes[node] as { body: number }).body = this.nodeOf(rule.body)
  }

  /** The same repetition after one more time of its part. */
  once({ part, atLeast, atMost }: Extract<Node, { kind: 'repeat' }>): number {
    return this.repeat(part, Math.max(0, atLeast - 1), atMost - 1)
  }

  /** A node with the same texts of up to `most` bytes, and the same beginnings of longer ones. */
  alike(number: number, most: number): number {
    const node = this.nodes[number]
    if (node.kind !== 'repeat') return number
    const atMost = node.atMost > most ? Infinity : node.atMost
    return this.repeat(node.part, Math.min(node.atLeast, most + 1), atMost)
  }

  private nodeOf(expression: Expression): number {
    const known = this.known.get(expression)
    if (known !== undefined) return known
    const node = this.made(expression)
    this.known.set(expression, node)
    return node
  }

  private made(expression: Expression): number {
    switch (expression.kind) {
      case 'class':
        return this.characters(expression.ranges)
      case 'text':
        return this.text(expression.text)
      case 'special':
        return this.add({ kind: 'symbols', bytes: [], specials: [{ special: expression.special, rest: NOTHING }] })
      case 'sequence':
        return this.add({ kind: 'sequence', parts: expression.parts.map((part) => this.nodeOf(part)) })
      case 'choice': {
        const options = expression.options.filter((option) => canMatch(option, this.matching))
        return this.add({ kind: 'choice', options: options.map((option) => this.nodeOf(option)) })
      }
      case 'repeat': {
        const { part, atLeast, atMost = Infinity } = expression
        return canMatch(part, this.matching) ? this.repeat(this.nodeOf(part), atLeast, atMost) : NOTHING
      }
      case 'rule': {
        const node = this.rules.get(expression.rule) ?? this.addNew({ kind: 'rule', body: NOTHING })
        this.rules.set(expression.rule, node)
        return node
      }
    }
  }

  private repeat(part: number, atLeast: number, atMost: number): number {
    return atMost === 0 ? NOTHING : this.add({ kind: 'repeat', part, atLeast, atMost })
  }

  private characters(ranges: Ranges): number {
    const bytes = ranges
      .flatMap(([from, to]) => utf8Ranges(from, to))
      .map(([[from, to], ...rest]) => ({ from, to, rest: this.oneAfterTheOther(rest) }))
    return this.add({ kind: 'symbols', bytes, specials: [] })
  }

  private text(text: string): number {
    return this.oneAfterTheOther([...UTF8.encode(text)].map((byte) => [byte, byte] as const))
  }

  private oneAfterTheOther(ranges: readonly (readonly [number, number])[], last: number = NOTHING): number {
    return ranges.reduceRight(
      (rest, [from, to]) => this.add({ kind: 'symbols', bytes: [{ from, to, rest }], specials: [] }),
      last,
    )
  }

  private add(node: Exclude<Node, { kind: 'rule' }>): number {
    const key = keyOf(node)
    const known = this.numbers.get(key)
    if (known !== undefined) return known
    const number = this.addNew(node)
    this.numbers.set(key, number)
    return number
  }

  private addNew(node: Node): number {
    if (this.nodes.length >= MOST_NODES) throw new UserError('it is too large')
    return this.nodes.push(node) - 1
  }
}

function keyOf(node: Exclude<Node, { kind: 'rule' }>): string {
  switch (node.kind) {
    case 'symbols': {
      const bytes = node.bytes.map(({ from, to, rest }) => `${from}-${to}:${rest}`)
      return `${bytes.join()} ${node.specials.map(({ special, rest }) => `${special}:${rest}`).join()}`
    }
    case 'sequence':
      return `sequence ${node.parts.join()}`
    case 'choice':
      return `choice ${node.options.join()}`
    case 'repeat':
      return `repeat ${node.part} ${node.atLeast} ${node.atMost}`
  }
}

const UTF8 = new TextEncoder()
