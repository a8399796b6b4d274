/** A run of `*`, `_` or `~`. */
export interface Delimiter {
  /** Index of its node. */
  node: number
  sign: string
  count: number
  /** Number of signs that it had. */
  length: number
  opens: boolean
  closes: boolean
  previous?: Delimiter
  next?: Delimiter
}

const BLANK = /^[\s\u00a0]?$/u
const PUNCTUATION = /^[\p{P}\p{S}]$/u
/** Scripts without blanks between words: there, letters beside a sign say nothing about it. */
const UNSPACED = /^[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Hangul}\p{sc=Thai}]$/u

/**
 * Says whether signs between two characters may open or close emphasis (CommonMark 0.31.2, 6.2). Chinese, Japanese, Korean
 * and Thai letters count as blanks do if a punctuation mark is at the other side of the signs: `**「名」**は`.
 */
export function flanking(sign: string, before: string, after: string): { opens: boolean; closes: boolean } {
  const [blankBefore, blankAfter] = [BLANK.test(before), BLANK.test(after)]
  const [markBefore, markAfter] = [PUNCTUATION.test(before), PUNCTUATION.test(after)]
  const left = !blankAfter && (!markAfter || blankBefore || markBefore || UNSPACED.test(before))
  const right = !blankBefore && (!markBefore || blankAfter || markAfter || UNSPACED.test(after))
  if (sign !== '_') return { opens: left, closes: right }
  return { opens: left && (!right || markBefore), closes: right && (!left || markAfter) }
}

/** The delimiters of a text that may still match, as a linked list. */
export class Delimiters {
  last?: Delimiter

  add(delimiter: Delimiter): void {
    delimiter.previous = this.last
    if (this.last) this.last.next = delimiter
    this.last = delimiter
  }

  /**
   * Matches the delimiters after `bottom`, innermost first, and removes them. Calls `onMatch` with the signs that each
   * match uses: 1 for emphasis, 2 for strong text. Takes linear time, since it remembers the places without an opener.
   */
  match(bottom: Delimiter | undefined, onMatch: (opener: Delimiter, closer: Delimiter, used: 1 | 2) => void): void {
    const searched = new Map<string, number>()
    let closer = bottom ? bottom.next : this.first
    while (closer) {
      if (!closer.closes) {
        closer = closer.next
        continue
      }
      const key = `${closer.sign}${closer.opens}${closer.length % 3}`
      const opener = openerOf(closer, searched.get(key) ?? bottom?.node ?? -1)
      const next: Delimiter | undefined = closer.next
      if (!opener) {
        searched.set(key, closer.previous?.node ?? -1)
        if (!closer.opens) this.remove(closer)
        closer = next
        continue
      }
      const used = closer.sign === '~' || (opener.count > 1 && closer.count > 1) ? 2 : 1
      opener.count -= used
      closer.count -= used
      onMatch(opener, closer, used)
      opener.next = closer
      closer.previous = opener
      if (opener.count === 0) this.remove(opener)
      if (closer.count > 0) continue
      this.remove(closer)
      closer = next
    }
    this.last = bottom
    if (bottom) bottom.next = undefined
  }

  private get first(): Delimiter | undefined {
    let first = this.last
    while (first?.previous) first = first.previous
    return first
  }

  private remove(delimiter: Delimiter): void {
    const { previous, next } = delimiter
    if (previous) previous.next = next
    if (next) next.previous = previous
    else this.last = previous
  }
}

/** The nearest delimiter before `closer` that it matches, and whose node is after `searched`. */
function openerOf(closer: Delimiter, searched: number): Delimiter | undefined {
  for (let opener = closer.previous; opener && opener.node > searched; opener = opener.previous) {
    if (opener.sign === closer.sign && opener.opens && fits(opener, closer)) return opener
  }
  return undefined
}

/** Whether the lengths of two delimiters let them match. */
function fits(opener: Delimiter, closer: Delimiter): boolean {
  if (closer.sign === '~') return true
  const isEither = closer.opens || opener.closes
  return !isEither || (opener.length + closer.length) % 3 !== 0 || (opener.length % 3 === 0 && closer.length % 3 === 0)
}
