import { UserError } from '../../../ground/errors.js'
import { type ByteGrammar, NOTHING, type Node } from './byte-grammar.js'

/*
 * A grammar as an automaton whose states are made when a text first reaches them. A state is a set of stacks of nodes
 * that are still to come, one for each way to read the text so far.
 */

/** The state that no text leads to. */
export const DEAD = 0
const UNKNOWN = -1
/** The stack without nodes: the text may end. */
const END = 0
/** Most stacks of one state, of all states, and most states: a text that needs more ends with an error. */
const MOST_WAYS = 5000
const MOST_STACKS = 2 ** 21
const MOST_STATES = 2 ** 17
/** States that are kept from one token to the next. */
const KEPT_STATES = 2 ** 14

type Symbols = Extract<Node, { kind: 'symbols' }>

export class GrammarStates {
  /** Class of each byte: bytes that the grammar does not distinguish have the same. */
  private readonly classOf = new Uint8Array(256)
  /** One byte of each class. */
  private readonly examples: readonly number[]
  /** Next states, one for each class of bytes; UNKNOWN until a text takes the step. */
  private steps = new Int32Array(0)
  private stacksOf: Int32Array[] = []
  private numbers = new Map<string, number>()
  /** Node at the top of each stack, and the stack below. */
  private readonly tops: number[] = [NOTHING]
  private readonly below: number[] = [END]
  private readonly stacks = new Map<number, number>()
  /** For each stack, the stacks with symbols at their tops that it leads to. */
  private readonly resolved = new Map<number, readonly number[]>()
  private readonly alikes = new Map<number, number>()
  /** Counts how often all states have been forgotten. */
  generation = 0

  constructor(private readonly grammar: ByteGrammar) {
    const borders = new Set([0])
    for (const node of grammar.nodes) {
      if (node.kind === 'symbols') for (const { from, to } of node.bytes) borders.add(from).add(to + 1)
    }
    this.examples = [...borders].filter((border) => border < 256).sort((a, b) => a - b)
    for (const [number, from] of this.examples.entries()) this.classOf.fill(number, from)
    this.forget()
  }

  /** Stacks before any text. */
  start(): Int32Array {
    return this.merged([this.resolve(this.push(this.grammar.root, END))])
  }

  /** Number of the state with these stacks. */
  state(stacks: Int32Array): number {
    const key = stacks.join()
    const known = this.numbers.get(key)
    if (known !== undefined) return known
    if (this.stacksOf.length >= MOST_STATES) throw tooAmbiguous()
    const state = this.stacksOf.push(stacks) - 1
    const classes = this.examples.length
    if (classes * (state + 1) > this.steps.length) {
      const more = new Int32Array(Math.max(classes * 64, 2 * this.steps.length))
      more.set(this.steps)
      this.steps = more
    }
    this.steps.fill(UNKNOWN, classes * state, classes * (state + 1))
    this.numbers.set(key, state)
    return state
  }

  /** Stacks of a state, which the state's number outlive. */
  stacksAt(state: number): Int32Array {
    return this.stacksOf[state]
  }

  /** A state with the same texts of up to `most` bytes, so that texts of bounded length need few masks. */
  alike(state: number, most: number): number {
    return this.state(this.merged([[...this.stacksOf[state]].map((stack) => this.alikeStack(stack, most))]))
  }

  private alikeStack(stack: number, most: number): number {
    const known = this.alikes.get(stack)
    if (known !== undefined) return known
    const passed: number[] = []
    let at = stack
    for (; at !== END && !this.alikes.has(at); at = this.below[at]) passed.push(at)
    let below = this.alikes.get(at) ?? END
    for (const one of passed.reverse()) {
      below = this.push(this.grammar.alike(this.tops[one], most), below)
      this.alikes.set(one, below)
    }
    return below
  }

  step(state: number, byte: number): number {
    const at = this.examples.length * state + this.classOf[byte]
    if (this.steps[at] === UNKNOWN) {
      const next = this.after(state, ({ bytes }) => bytes.filter(({ from, to }) => from <= byte && byte <= to))
      // The array may have grown.
      this.steps[at] = next
    }
    return this.steps[at]
  }

  isComplete(state: number): boolean {
    return this.stacksOf[state][0] === END && this.stacksOf[state].length > 0
  }

  specials(state: number): number[] {
    return this.symbolsAt(state).flatMap(({ node }) => node.specials.map(({ special }) => special))
  }

  stepSpecial(state: number, special: number): number {
    return this.after(state, ({ specials }) => specials.filter((one) => one.special === special))
  }

  /** Forgets all states if there are many, between two texts' tokens. */
  tidy(): void {
    if (this.stacksOf.length > KEPT_STATES) this.forget()
  }

  private forget(): void {
    this.generation++
    this.stacksOf = []
    this.numbers = new Map()
    this.state(new Int32Array(0))
  }

  /** The symbols that may come next, and the stacks below them. */
  private symbolsAt(state: number): { node: Symbols; below: number }[] {
    return Array.from(this.stacksOf[state]).flatMap((stack) => {
      const node = this.grammar.nodes[this.tops[stack]]
      return stack !== END && node.kind === 'symbols' ? [{ node, below: this.below[stack] }] : []
    })
  }

  /** The state after the edges of symbols that fit. */
  private after(state: number, fitting: (node: Symbols) => readonly { rest: number }[]): number {
    const next = this.symbolsAt(state).flatMap(({ node, below }) =>
      fitting(node).map(({ rest }) => this.resolve(this.push(rest, below))),
    )
    return next.length === 0 ? DEAD : this.state(this.merged(next))
  }

  /** Sorted, each once. */
  private merged(lists: readonly (readonly number[])[]): Int32Array {
    const all = [...new Set(lists.length === 1 ? lists[0] : lists.flat())]
    if (all.length > MOST_WAYS) throw tooAmbiguous()
    return Int32Array.from(all).sort()
  }

  private push(node: number, below: number): number {
    if (node === NOTHING) return below
    const key = below * 2 ** 21 + node
    const known = this.stacks.get(key)
    if (known !== undefined) return known
    if (this.tops.length >= MOST_STACKS) throw new UserError('the text is too deep for the grammar')
    this.below.push(below)
    const stack = this.tops.push(node) - 1
    this.stacks.set(key, stack)
    return stack
  }

  private resolve(stack: number): readonly number[] {
    const known = this.resolved.get(stack)
    if (known) return known
    const ends = new Set<number>()
    const seen = new Set([stack])
    for (const one of seen) {
      if (seen.size > MOST_WAYS) throw tooAmbiguous()
      const node = this.grammar.nodes[this.tops[one]]
      if (one === END || node.kind === 'symbols') ends.add(one)
      else for (const next of this.opened(one)) seen.add(next)
    }
    const result = [...ends]
    this.resolved.set(stack, result)
    return result
  }

  /** Expands a stack until a symbol is on top. */
  private opened(stack: number): number[] {
    const node = this.grammar.nodes[this.tops[stack]]
    const below = this.below[stack]
    switch (node.kind) {
      case 'sequence':
        return [node.parts.reduceRight((rest, part) => this.push(part, rest), below)]
      case 'choice':
        return node.options.map((option) => this.push(option, below))
      case 'rule':
        return [this.push(node.body, below)]
      case 'repeat': {
        const again = this.push(node.part, this.push(this.grammar.once(node), below))
        return node.atLeast === 0 ? [below, again] : [again]
      }
      case 'symbols':
        return []
    }
  }
}

function tooAmbiguous(): UserError {
  return new UserError('the grammar is too ambiguous: the text has too many readings')
}
