import type { Pattern } from './pattern.js'

/** A place of a text that a pattern matches. */
export interface Match {
  start: number
  end: number
  groups: Record<string, string>
}

/** Beginnings and ends of the groups so far. */
type Slots = readonly (number | undefined)[]

interface Thread {
  step: number
  start: number
  slots: Slots
}

/**
 * Searches the first match of a pattern in a text that arrives unit by unit. The match is the one of a backtracking
 * search, found by following all ways at once: a unit takes time in proportion to the pattern, whatever the text.
 */
export class PatternSearch {
  private threads: Thread[] = []
  private found: { start: number; end: number; slots: Slots } | undefined
  /** Steps done so far. */
  work = 0
  /** Number of the turn that last reached each step; a later thread there has nothing to add. */
  private readonly reached: Int32Array
  private turn = 1
  private readonly begin: number

  /**
   * Begins before the unit at `at`. `isStart`: the text begins there. `mayBeEmpty`: the match may be empty at this
   * place. `longest`: most units of a match.
   */
  constructor(
    private readonly pattern: Pattern,
    private at: number,
    private readonly isStart: boolean,
    private readonly mayBeEmpty = true,
    private readonly longest = Infinity,
  ) {
    this.reached = new Int32Array(pattern.steps.length)
    this.begin = at
    this.startHere()
  }

  /** The best match so far. It is final when no thread is left. */
  get match(): { start: number; end: number } | undefined {
    return this.found
  }

  /** Earliest beginning of a match that may still come; Infinity if there is none. */
  get earliest(): number {
    return this.threads[0]?.start ?? Infinity
  }

  add(unit: number): void {
    const before = this.threads
    this.threads = []
    this.turn++
    const oldest = this.at + 1 - this.longest
    for (const thread of before) {
      const step = this.pattern.steps[thread.step]
      if (thread.start < oldest || step.op !== 'unit' || !step.has(unit)) continue
      if (this.follow(thread.step + 1, this.at + 1, thread.start, thread.slots, false)) break
    }
    this.at++
    this.startHere()
  }

  end(): void {
    const before = this.threads
    this.threads = []
    this.turn++
    for (const { step, start, slots } of before) {
      if (this.pattern.steps[step].op !== 'end') continue
      if (this.follow(step + 1, this.at, start, slots, true)) break
    }
    this.threads = []
  }

  /** Texts of the groups of the match. `textOf` gives the text between two positions. */
  groups(textOf: (start: number, end: number) => string): Record<string, string> {
    const { slots = [] } = this.found ?? {}
    const groups = this.pattern.names.flatMap((name, group) => {
      const [start, end] = [slots[2 * group], slots[2 * group + 1]]
      return start === undefined || end === undefined ? [] : [[name, textOf(start, end)]]
    })
    return Object.fromEntries(groups)
  }

  /** A match may begin at this place, unless one has been found. */
  private startHere(): void {
    if (!this.found) this.follow(0, this.at, this.at, new Array(2 * this.pattern.names.length).fill(undefined), false)
  }

  /** Follows a thread up to its next units, its better ways first. Returns whether it came to a match. */
  private follow(index: number, at: number, start: number, slots: Slots, atEnd: boolean): boolean {
    if (this.reached[index] === this.turn) return false
    this.reached[index] = this.turn
    this.work++
    const step = this.pattern.steps[index]
    switch (step.op) {
      case 'jump':
        return this.follow(step.to, at, start, slots, atEnd)
      case 'split':
        return this.follow(step.first, at, start, slots, atEnd) || this.follow(step.second, at, start, slots, atEnd)
      case 'save':
        return this.follow(index + 1, at, start, slots.with(step.slot, at), atEnd)
      case 'start':
        return this.isStart && at === this.begin && this.follow(index + 1, at, start, slots, atEnd)
      case 'end':
        if (atEnd) return this.follow(index + 1, at, start, slots, atEnd)
        break
      case 'match':
        if (at === start && at === this.begin && !this.mayBeEmpty) return false
        this.found = { start, end: at, slots }
        return true
    }
    this.threads.push({ step: index, start, slots })
    return false
  }
}

/** Most work of looking for all matches in one text: about a second. */
const MOST_WORK = 2 ** 24

/** All matches of a pattern in a text, one after the other. Throws an Error if that takes too much work. */
export function matchesOf(pattern: Pattern, text: string): Match[] {
  const matches: Match[] = []
  let work = 0
  for (let begin = 0; begin <= text.length; ) {
    const search = new PatternSearch(pattern, begin, begin === 0)
    for (let at = begin; at < text.length && search.earliest < Infinity; at++) {
      search.add(text.charCodeAt(at))
      if (work + search.work > MOST_WORK) throw new Error('a pattern takes too long')
    }
    search.end()
    if (!search.match) break
    const { start, end } = search.match
    matches.push({ start, end, groups: search.groups((from, to) => text.slice(from, to)) })
    begin = Math.max(end, start + 1)
    work += search.work
  }
  return matches
}
