import type { Ranges } from './expression.js'

/*
 * XGrammar's classes are only right for ASCII. So its grammars and its vocabulary have only ASCII: a byte from 0x80 up is
 * a mark and a character, and a special token is a mark and a number. No generated text contains the marks themselves.
 */

/** Before a continuation byte of UTF-8, less 0x80. */
const CONTINUATION = 0x0e
/** Before another byte from 0x80 up, less 0x80. */
const LEAD = 0x0f
/** Before and after a special token's number. */
const SPECIAL = 0x10
const MARKS: readonly number[] = [CONTINUATION, LEAD, SPECIAL]

/** Bytes as ASCII; undefined if they contain a mark. */
export function asciiOf(bytes: Uint8Array): string | undefined {
  let ascii = ''
  for (const byte of bytes) {
    if (MARKS.includes(byte)) return undefined
    ascii += byte < 0x80 ? String.fromCharCode(byte) : String.fromCharCode(markOf(byte), byte - 0x80)
  }
  return ascii
}

/** A special token as ASCII. */
export function asciiOfSpecial(index: number): string {
  const mark = String.fromCharCode(SPECIAL)
  return mark + index + mark
}

/** Alternatives for a character of the ranges: in each, one range after the other. */
export function asciiOfClass(ranges: Ranges): (readonly [number, number])[][] {
  const ascii = ranges.flatMap(([from, to]) => (from < 0x80 ? withoutMarks(from, Math.min(to, 0x7f)) : []))
  const others = ranges.flatMap(([from, to]) => (to < 0x80 ? [] : sequencesOf(Math.max(from, 0x80), to)))
  return [
    ...ascii.map((range) => [range]),
    ...others.map((bytes) =>
      bytes.flatMap(([from, to]): [number, number][] => {
        const mark = markOf(from)
        return [
          [mark, mark],
          [from - 0x80, to - 0x80],
        ]
      }),
    ),
  ]
}

function markOf(byte: number): number {
  return byte < 0xc0 ? CONTINUATION : LEAD
}

function withoutMarks(from: number, to: number): [number, number][] {
  const before: [number, number] = [from, Math.min(to, CONTINUATION - 1)]
  const after: [number, number] = [Math.max(from, SPECIAL + 1), to]
  return [before, after].filter(([first, last]) => first <= last)
}

/** UTF-8 of the code points `from` to `to`, as sequences of ranges of bytes. */
function sequencesOf(from: number, to: number): [number, number][][] {
  for (const last of [0x7ff, 0xffff]) {
    if (from <= last && to > last) return [...sequencesOf(from, last), ...sequencesOf(last + 1, to)]
  }
  // Divide until each byte has a range of its own, whatever the others are.
  for (const bits of [6, 12, 18]) {
    const low = 2 ** bits - 1
    if ((from & ~low) === (to & ~low)) continue
    if ((from & low) !== 0) return [...sequencesOf(from, from | low), ...sequencesOf((from | low) + 1, to)]
    if ((to & low) !== low) return [...sequencesOf(from, (to & ~low) - 1), ...sequencesOf(to & ~low, to)]
  }
  const [first, last] = [from, to].map((code) => new TextEncoder().encode(String.fromCodePoint(code)))
  return [[...first].map((byte, i) => [byte, last[i]])]
}
