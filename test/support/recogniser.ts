import type { Expression } from '#molm/text/grammar/forms/expression.js'

/** Expressions that are still to come, one after the other. */
interface Stack {
  id: number
  top: Expression
  below: Stack | undefined
}

/**
 * Recognises the beginnings of an expression's texts, one character after the other: slow, and exact for expressions all of
 * whose parts match some text and whose rules are not left-recursive.
 */
export class Recogniser {
  private readonly stacks = new Map<string, Stack>()
  private readonly numbers = new Map<Expression, number>()
  private readonly shorter = new Map<string, Expression>()

  constructor(private readonly root: Expression) {}

  /** Ways to read an empty beginning. */
  start(): Set<Stack | undefined> {
    return this.closed([this.pushed(this.root, undefined)])
  }

  /** Ways to read on over a text; empty if there are none. */
  after(states: Set<Stack | undefined>, text: string): Set<Stack | undefined> {
    let now = states
    for (const character of text) {
      const next: (Stack | undefined)[] = []
      for (const state of now) {
        if (!state) continue
        const { top, below } = state
        const code = character.codePointAt(0) as number
        if (top.kind === 'class') {
          if (top.ranges.some(([from, to]) => from <= code && code <= to)) next.push(below)
        } else if (top.kind === 'text' && top.text.startsWith(character)) {
          next.push(this.pushed({ kind: 'text', text: top.text.slice(character.length) }, below))
        }
      }
      now = this.closed(next)
    }
    return now
  }

  /** Whether the text may end. */
  isComplete(states: Set<Stack | undefined>): boolean {
    return states.has(undefined)
  }

  private closed(states: (Stack | undefined)[]): Set<Stack | undefined> {
    const all = new Set<Stack | undefined>(states)
    const seen = new Set<Stack | undefined>()
    const ends = new Set<Stack | undefined>()
    for (const state of all) {
      if (seen.has(state)) continue
      seen.add(state)
      const next = state && this.expanded(state)
      if (next) for (const one of next) all.add(one)
      else ends.add(state)
    }
    return ends
  }

  /** The stacks that replace one; undefined if its top is a character. */
  private expanded({ top, below }: Stack): (Stack | undefined)[] | undefined {
    switch (top.kind) {
      case 'class':
        return undefined
      case 'text':
        return top.text === '' ? [below] : undefined
      case 'sequence':
        return [top.parts.reduceRight<Stack | undefined>((stack, part) => this.pushed(part, stack), below)]
      case 'choice':
        return top.options.map((option) => this.pushed(option, below))
      case 'rule':
        return [this.pushed(top.rule.body, below)]
      case 'repeat': {
        const { part, atLeast, atMost } = top
        const more = atMost === 0 ? [] : [this.pushed(part, this.pushed(this.lessOnce(top), below))]
        return atLeast === 0 ? [below, ...more] : more
      }
    }
  }

  private lessOnce(repeat: Extract<Expression, { kind: 'repeat' }>): Expression {
    const { part, atLeast, atMost } = repeat
    if (atLeast === 0 && atMost === undefined) return repeat
    const key = `${this.numberOf(part)} ${atLeast} ${atMost}`
    const known = this.shorter.get(key)
    if (known) return known
    const less: Expression = {
      kind: 'repeat',
      part,
      atLeast: Math.max(0, atLeast - 1),
      atMost: atMost === undefined ? undefined : atMost - 1,
    }
    this.shorter.set(key, less)
    return less
  }

  private pushed(top: Expression, below: Stack | undefined): Stack {
    const name = top.kind === 'text' ? JSON.stringify(top.text) : this.numberOf(top)
    const key = `${name} ${below?.id}`
    const stack = this.stacks.get(key) ?? { id: this.stacks.size + 1, top, below }
    this.stacks.set(key, stack)
    return stack
  }

  private numberOf(expression: Expression): number {
    const number = this.numbers.get(expression) ?? this.numbers.size
    this.numbers.set(expression, number)
    return number
  }
}
