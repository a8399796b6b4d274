import type { PatternNode } from './pattern-tree.js'
import { PatternError, parsePythonPattern, testOf } from './python-syntax.js'

export type PatternStep =
  | { op: 'unit'; has: (unit: number) => boolean }
  | { op: 'split'; first: number; second: number }
  | { op: 'jump'; to: number }
  | { op: 'save'; slot: number }
  | { op: 'start' | 'end' | 'match' }

const MOST_STEPS = 1024

/** A pattern as a program for `PatternSearch`. */
export class Pattern {
  readonly steps: PatternStep[] = []
  /** Names of the groups. A group has two slots: its beginning and its end. */
  readonly names: string[] = []

  private constructor(node: PatternNode) {
    this.write(node)
    this.push({ op: 'match' })
  }

  /** A pattern in Python's syntax. Throws a PatternError if it is wrong, not supported, or matches an empty text. */
  static of(source: string): Pattern {
    const node = parsePythonPattern(source)
    if (canBeEmpty(node)) throw new PatternError('it matches an empty text')
    return new Pattern(node)
  }

  /** A pattern that matches one of the texts: the longest, if several begin alike. */
  static ofTexts(texts: readonly string[]): Pattern {
    const longestFirst = [...texts].sort((a, b) => b.length - a.length)
    const options = longestFirst.map((text): PatternNode => {
      const codes = Array.from(text, (character) => character.codePointAt(0) as number)
      return { kind: 'sequence', parts: codes.map((code) => ({ kind: 'character', code, at: 0 })), at: 0 }
    })
    return new Pattern({ kind: 'choice', options, at: 0 })
  }

  private push(step: PatternStep): number {
    if (this.steps.length === MOST_STEPS) throw new PatternError('it is too large')
    return this.steps.push(step) - 1
  }

  private write(node: PatternNode): void {
    if (node.kind === 'character') this.writeCharacter(String.fromCodePoint(node.code))
    else if (node.kind === 'set') this.push({ op: 'unit', has: testOf(node) })
    else if (node.kind === 'sequence') for (const part of node.parts) this.write(part)
    else if (node.kind === 'choice') this.writeChoice(node.options)
    else if (node.kind === 'repeat') this.writeRepeat(node)
    else if (node.kind === 'group') this.writeGroup(node)
    else this.push({ op: node.kind })
  }

  private writeCharacter(character: string): void {
    for (const letter of character.split('')) {
      const code = letter.charCodeAt(0)
      this.push({ op: 'unit', has: (unit) => unit === code })
    }
  }

  private writeChoice([option, ...others]: readonly PatternNode[]): void {
    if (others.length === 0) return this.write(option)
    const split = { op: 'split' as const, first: this.push({ op: 'jump', to: 0 }) + 1, second: 0 }
    this.steps[split.first - 1] = split
    this.write(option)
    const jump = { op: 'jump' as const, to: 0 }
    this.push(jump)
    split.second = this.steps.length
    this.writeChoice(others)
    jump.to = this.steps.length
  }

  private writeRepeat({ part, atLeast, atMost, isLazy }: PatternNode & { kind: 'repeat' }): void {
    for (let i = 0; i < atLeast; i++) this.write(part)
    const optional = Number.isFinite(atMost) ? atMost - atLeast : 1
    const ends: (() => void)[] = []
    for (let i = 0; i < optional; i++) {
      const at = this.steps.length
      const split = { op: 'split' as const, first: at + 1, second: at + 1 }
      this.push(split)
      this.write(part)
      if (!Number.isFinite(atMost)) this.push({ op: 'jump', to: at })
      ends.push(() => {
        if (isLazy) split.first = this.steps.length
        else split.second = this.steps.length
      })
    }
    for (const end of ends) end()
  }

  private writeGroup({ name, part }: PatternNode & { kind: 'group' }): void {
    if (name === undefined) return this.write(part)
    const known = this.names.indexOf(name)
    const group = known < 0 ? this.names.push(name) - 1 : known
    this.push({ op: 'save', slot: 2 * group })
    this.write(part)
    this.push({ op: 'save', slot: 2 * group + 1 })
  }
}

/** Whether a pattern matches the empty text in every place. */
function canBeEmpty(node: PatternNode): boolean {
  if (node.kind === 'sequence') return node.parts.every(canBeEmpty)
  if (node.kind === 'choice') return node.options.some(canBeEmpty)
  if (node.kind === 'repeat') return node.atLeast === 0 || canBeEmpty(node.part)
  return node.kind === 'group' && canBeEmpty(node.part)
}
