import { UserError } from '../../../ground/errors.js'
import { choice, EMPTY, END_OF_UNICODE, type Expression, normalised, type Ranges, sequence } from './expression.js'

/*
 * Deterministic automata of characters: for texts that several patterns match, or one matches and another does not.
 */

/** Most states, of an automaton or of the expression that it is made from. */
const MOST_STATES = 20_000
/** Most comparisons of an edge with a range of characters, about a second of them. */
const MOST_WORK = 50_000_000

interface Edge {
  from: number
  to: number
  state: number
}

interface State {
  isEnd: boolean
  /** In order, and apart. */
  edges: Edge[]
}

/** A set of texts. State 0 is the first. */
export class Automaton {
  private constructor(private readonly states: readonly State[]) {}

  /** Throws a UserError if it has too many states. */
  static of(expression: Expression): Automaton {
    const graph = new Graph()
    const end = graph.add(expression, graph.start)
    return Automaton.explored(
      [graph.start],
      (state: number[]) => String(state),
      (state) => graph.step(state, end),
    )
  }

  /** The texts of both. */
  and(other: Automaton): Automaton {
    return this.combined(other, true)
  }

  /** The texts of this one that the other lacks. */
  without(other: Automaton): Automaton {
    return this.combined(other, false)
  }

  get isEmpty(): boolean {
    return !this.states.some(({ isEnd }) => isEnd)
  }

  accepts(text: string): boolean {
    let state = 0
    for (const character of text) {
      const code = character.codePointAt(0) as number
      const edge = this.states[state].edges.find(({ from, to }) => from <= code && code <= to)
      if (!edge) return false
      state = edge.state
    }
    return this.states[state].isEnd
  }

  /** An expression of the same texts, with a rule for each state. */
  expression(): Expression {
    const rules = this.states.map(() => ({ body: EMPTY }))
    for (const [index, { isEnd, edges }] of this.states.entries()) {
      const byState = new Map<number, [number, number][]>()
      for (const { from, to, state } of edges) byState.set(state, [...(byState.get(state) ?? []), [from, to]])
      const options = [...byState].map(([state, ranges]) =>
        sequence({ kind: 'class', ranges: normalised(ranges) }, { kind: 'rule', rule: rules[state] }),
      )
      rules[index].body = choice(...options, ...(isEnd ? [EMPTY] : []))
    }
    return { kind: 'rule', rule: rules[0] }
  }

  private combined(other: Automaton, both: boolean): Automaton {
    const isLost = (b: number) => b < 0
    return Automaton.explored<[number, number]>(
      [0, 0],
      ([a, b]) => `${a} ${b}`,
      ([a, b]) => {
        const second: State = isLost(b) ? { isEnd: false, edges: [] } : other.states[b]
        const edges = overlaps(this.states[a].edges, second.edges)
          .filter(({ b }) => !both || !isLost(b))
          .map(({ from, to, a, b }) => ({ from, to, next: [a, b] as [number, number] }))
        return { isEnd: this.states[a].isEnd && second.isEnd === both, edges }
      },
    )
  }

  private static explored<Key>(
    first: Key,
    nameOf: (key: Key) => string,
    step: (key: Key) => { isEnd: boolean; edges: { from: number; to: number; next: Key }[] },
  ): Automaton {
    const numbers = new Map([[nameOf(first), 0]])
    const keys = [first]
    const states: State[] = []
    for (let at = 0; at < keys.length; at++) {
      const { isEnd, edges } = step(keys[at])
      states.push({
        isEnd,
        edges: edges.map(({ from, to, next }) => {
          const name = nameOf(next)
          const known = numbers.get(name)
          if (known !== undefined) return { from, to, state: known }
          if (keys.length >= MOST_STATES) throw tooLarge()
          numbers.set(name, keys.length)
          return { from, to, state: keys.push(next) - 1 }
        }),
      })
    }
    return new Automaton(states)
  }
}

function tooLarge(): UserError {
  return new UserError('the pattern, or its combination with others, is too large')
}

/** Parts of the edges `a`, each with the edge of `b` over it; -1 if there is none. */
function overlaps(a: readonly Edge[], b: readonly Edge[]): { from: number; to: number; a: number; b: number }[] {
  const parts: { from: number; to: number; a: number; b: number }[] = []
  for (const edge of a) {
    let from = edge.from
    for (const other of b) {
      if (other.to < from || other.from > edge.to) continue
      if (other.from > from) parts.push({ from, to: other.from - 1, a: edge.state, b: -1 })
      const start = Math.max(from, other.from)
      const to = Math.min(edge.to, other.to)
      parts.push({ from: start, to, a: edge.state, b: other.state })
      from = to + 1
    }
    if (from <= edge.to) parts.push({ from, to: edge.to, a: edge.state, b: -1 })
  }
  return parts
}

class Graph {
  readonly start: number = 0
  private work = 0
  private readonly silent: number[][] = [[]]
  private readonly edges: { ranges: Ranges; to: number }[][] = [[]]

  /** Adds an expression from a state on; the state after it. */
  add(expression: Expression, from: number): number {
    switch (expression.kind) {
      case 'class':
        return this.edge(from, expression.ranges)
      case 'text': {
        let at = from
        for (const character of expression.text) {
          const code = character.codePointAt(0) as number
          at = this.edge(at, [[code, code]])
        }
        return at
      }
      case 'sequence':
        return expression.parts.reduce((at, part) => this.add(part, at), from)
      case 'choice': {
        const end = this.state()
        for (const option of expression.options) this.link(this.add(option, this.after(from)), end)
        return end
      }
      case 'repeat':
        return this.repeated(expression, from)
      case 'rule':
      case 'special':
        throw new Error('a pattern has no rules and no special tokens')
    }
  }

  /** The states that a set of states leads to. */
  step(states: readonly number[], end: number) {
    const all = new Set(states)
    for (const state of all) for (const next of this.silent[state]) all.add(next)
    const edges = [...all].flatMap((state) => this.edges[state])
    const starts = new Set(edges.flatMap(({ ranges }) => ranges.flatMap(([from, to]) => [from, to + 1])))
    const borders = [...starts].sort((a, b) => a - b)
    const steps: { from: number; to: number; next: number[] }[] = []
    this.work += edges.length * borders.length
    if (this.work > MOST_WORK) throw tooLarge()
    for (const [i, from] of borders.entries()) {
      const to = (borders[i + 1] ?? END_OF_UNICODE) - 1
      const hit = edges.filter(({ ranges }) => ranges.some(([first, last]) => first <= from && from <= last))
      if (hit.length > 0) steps.push({ from, to, next: [...new Set(hit.map((edge) => edge.to))].sort((a, b) => a - b) })
    }
    return { isEnd: all.has(end), edges: steps }
  }

  private repeated({ part, atLeast, atMost }: Extract<Expression, { kind: 'repeat' }>, from: number): number {
    let at = from
    for (let i = 0; i < atLeast; i++) at = this.add(part, at)
    if (atMost === undefined) {
      const loop = this.after(at)
      this.link(this.add(part, loop), loop)
      return this.after(loop)
    }
    const end = this.state()
    for (let i = atLeast; i < atMost; i++) {
      this.link(at, end)
      at = this.add(part, at)
    }
    this.link(at, end)
    return end
  }

  private state(): number {
    if (this.silent.length >= MOST_STATES) throw tooLarge()
    this.edges.push([])
    return this.silent.push([]) - 1
  }

  private after(state: number): number {
    const next = this.state()
    this.link(state, next)
    return next
  }

  private edge(from: number, ranges: Ranges): number {
    const to = this.state()
    this.edges[from].push({ ranges, to })
    return to
  }

  private link(from: number, to: number): void {
    this.silent[from].push(to)
  }
}
