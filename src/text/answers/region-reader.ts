import { PatternSearch } from '../patterns/pattern-search.js'
import type { CompiledTemplate, Region } from './compiled-template.js'
import type { Dialect } from './literal-reader.js'

/** Event of reading a text. The texts of all events together are the whole text. */
export type RegionEvent =
  | { kind: 'open'; region: Region; text: string; groups: Record<string, string> }
  /** Text of the open region; without one, text that belongs to no field. */
  | { kind: 'text'; region: Region | undefined; text: string }
  /** A closer ends the region, or the opener of another does: then the text is empty. */
  | { kind: 'close'; region: Region; text: string; groups: Record<string, string> }
  /** The text ends within the region. */
  | { kind: 'end'; region: Region; text: ''; groups: Record<string, string> }

/** Longest opener or closer of a pattern. */
const LONGEST = 1024

interface Watch {
  region: Region
  opens: boolean
  search: PatternSearch
}

/**
 * Splits a text into the regions of a template, in one pass. In a region with an opener, only its closer counts;
 * elsewhere all openers, and the closer of the field without an opener. The earliest match wins, then the longest, then
 * an opener, then the earlier field. Text that may begin an opener or closer is held back.
 */
export class RegionReader {
  private open: Region | undefined
  private strings: StringState | undefined
  /** Text that is not yet certain, and its place in the whole text. */
  private held = ''
  private begin = 0
  private watches: Watch[] = []
  private groups: Record<string, string> = {}

  constructor(private readonly template: CompiledTemplate) {
    this.open = template.implicit
    this.watch(true)
  }

  /** The region that the newest text belongs to. */
  get region(): Region | undefined {
    return this.open
  }

  get heldLength(): number {
    return this.held.length
  }

  add(text: string): RegionEvent[] {
    const events: RegionEvent[] = []
    let at = this.begin + this.held.length
    this.held += text
    for (const end = this.begin + this.held.length; at < end; at++) {
      this.step(at)
      const winner = this.winner()
      if (winner) at = this.take(winner, events) - 1
    }
    const starts = this.watches.map(({ search }) => Math.min(search.match?.start ?? at, search.earliest))
    this.release(Math.min(at, ...starts), events)
    return events
  }

  end(): RegionEvent[] {
    const events: RegionEvent[] = []
    const end = this.begin + this.held.length
    for (;;) {
      for (const { search } of this.watches) search.end()
      const winner = this.winner()
      if (!winner) break
      const from = this.take(winner, events)
      for (let at = from; at < end; at++) this.step(at)
    }
    this.release(this.begin + this.held.length, events)
    if (this.open) events.push({ kind: 'end', region: this.open, text: '', groups: this.groups })
    return events
  }

  private step(at: number): void {
    const unit = this.held.charCodeAt(at - this.begin)
    for (const { search } of this.watches) search.add(unit)
  }

  /** The watch whose match is certain: nothing earlier or longer can come. */
  private winner(): Watch | undefined {
    let best: Watch | undefined
    for (const watch of this.watches) {
      if (watch.search.match && (!best || isBetter(watch, best))) best = watch
    }
    const start = best?.search.match?.start ?? 0
    return best && this.watches.every(({ search }) => search.earliest > start) ? best : undefined
  }

  /** Opens or closes a region, and returns the place behind it. */
  private take({ region, opens, search }: Watch, events: RegionEvent[]): number {
    const { start, end } = search.match as { start: number; end: number }
    const groups = search.groups((from, to) => this.held.slice(from - this.begin, to - this.begin))
    this.release(start, events)
    const text = this.held.slice(0, end - start)
    if (!opens && this.strings?.isInside) {
      this.release(end, events)
    } else {
      this.held = this.held.slice(text.length)
      this.begin = end
      if (opens && this.open) events.push({ kind: 'close', region: this.open, text: '', groups: {} })
      if (opens) events.push({ kind: 'open', region, text, groups })
      else events.push({ kind: 'close', region, text, groups: { ...this.groups, ...groups } })
      this.open = opens ? region : this.template.implicit
      this.groups = opens ? groups : {}
      this.strings = opens && region.strings ? new StringState(region.strings) : undefined
    }
    this.watch(end > start)
    return end
  }

  /** Looks for what may come next. Only behind a text may it be empty, so that reading goes forward. */
  private watch(mayBeEmpty: boolean): void {
    const { regions, implicit } = this.template
    const search = (region: Region, opens: boolean): Watch[] => {
      const pattern = opens ? region.open : region.close
      if (!pattern) return []
      return [{ region, opens, search: new PatternSearch(pattern, this.begin, this.begin === 0, mayBeEmpty, LONGEST) }]
    }
    const isExplicit = this.open && this.open !== implicit
    this.watches = isExplicit
      ? search(this.open as Region, false)
      : [...regions.flatMap((region) => search(region, true)), ...(implicit ? search(implicit, false) : [])]
  }

  /** Gives the text up to a place away. */
  private release(to: number, events: RegionEvent[]): void {
    const text = this.held.slice(0, to - this.begin)
    if (text === '') return
    this.strings?.add(text)
    events.push({ kind: 'text', region: this.open, text })
    this.held = this.held.slice(text.length)
    this.begin = to
  }
}

function isBetter(watch: Watch, other: Watch): boolean {
  const [a, b] = [watch, other].map(({ search }) => search.match as { start: number; end: number })
  if (a.start !== b.start) return a.start < b.start
  if (a.end !== b.end) return a.end > b.end
  return watch.opens && !other.opens
}

/** Whether a text that arrives in pieces is inside a string of its literals. A line break ends a string in quotes. */
class StringState {
  private closer: string | undefined
  private readonly openers: readonly (readonly [open: string, close: string])[]
  /** The last units, in case a delimiter goes over the border of two pieces. */
  private tail = ''

  constructor({ delimiters = [], isPython = false }: Dialect) {
    this.openers = [...delimiters, ['"', '"'], ...(isPython ? [["'", "'"] as const] : [])]
  }

  get isInside(): boolean {
    return this.closer !== undefined
  }

  add(piece: string): void {
    const text = this.tail + piece
    let at = 0
    while (at < text.length) {
      const length = this.stepAt(text, at)
      if (length === 0) break
      at += length
    }
    this.tail = text.slice(at)
  }

  /** Length of what comes next; 0 if more text is needed to know. */
  private stepAt(text: string, at: number): number {
    if (this.closer === undefined) {
      const opener = this.openers.find(([open]) => text.startsWith(open, at))
      if (!opener) return this.openers.some(([open]) => open.startsWith(text.slice(at))) ? 0 : 1
      this.closer = opener[1]
      return opener[0].length
    }
    const { closer } = this
    if (text.startsWith(closer, at)) {
      this.closer = undefined
      return closer.length
    }
    if (closer.startsWith(text.slice(at))) return 0
    if (closer.length > 1) return 1
    if (text[at] === '\n') this.closer = undefined
    if (text[at] === '\\') return at + 1 < text.length ? 2 : 0
    return 1
  }
}
