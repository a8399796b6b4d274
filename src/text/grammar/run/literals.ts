import type { Vocabulary } from './vocabulary.js'

/** A literal that ends within a token. */
interface Found {
  literal: number
  /** Bytes of the token after it. */
  rest: Uint8Array
}

/** A token that may reach beyond the end of a literal. */
interface Candidate {
  token: number
  /** Bytes of the literal that must come before the token. */
  before: number
  literal: number
}

const UTF8 = new TextEncoder()

/** Texts that are looked for in the bytes of tokens. */
export class Literals {
  private readonly literals: readonly Uint8Array[]
  private readonly longest: number
  private readonly candidates: readonly Candidate[]

  constructor(texts: readonly string[], vocabulary: Vocabulary) {
    this.literals = texts.map((text) => UTF8.encode(text))
    this.longest = Math.max(...this.literals.map((literal) => literal.length))
    this.candidates = this.overshooting(vocabulary)
  }

  watch(): LiteralWatch {
    return new LiteralWatch(this.literals, this.longest, this.candidates)
  }

  private overshooting(vocabulary: Vocabulary): Candidate[] {
    const candidates: Candidate[] = []
    for (let token = 0; token < vocabulary.size; token++) {
      const bytes = vocabulary.bytesOf(token)
      if (bytes.length < 2) continue
      for (const [index, literal] of this.literals.entries()) {
        for (let before = literal.length - 1; before > 0 && literal.length - before < bytes.length; before--) {
          if (startsWith(bytes, literal.subarray(before))) candidates.push({ token, before, literal: index })
        }
        const at = indexOf(bytes, literal, 0)
        if (at >= 0 && at + literal.length < bytes.length) {
          candidates.push({ token, before: 0, literal: index })
        }
      }
    }
    return candidates
  }
}

/** The end of a text, as far as a literal may have begun there. */
export class LiteralWatch {
  private tail: Uint8Array = new Uint8Array(0)

  constructor(
    private readonly literals: readonly Uint8Array[],
    private readonly longest: number,
    private readonly candidates: readonly Candidate[],
  ) {}

  /** Adds bytes; the literal that ends first in them, if one does. */
  add(bytes: Uint8Array): Found | undefined {
    const found = this.find(bytes)
    const all = joined(this.tail, bytes)
    this.tail = all.slice(Math.max(0, all.length - this.longest + 1))
    return found
  }

  /** The literal that ends first in bytes that would follow; of several, the longest. */
  find(bytes: Uint8Array): Found | undefined {
    const all = joined(this.tail, bytes)
    let best: { literal: number; end: number } | undefined
    for (const [index, literal] of this.literals.entries()) {
      const at = indexOf(all, literal, Math.max(0, this.tail.length - literal.length + 1))
      const end = at + literal.length
      if (at < 0 || end <= this.tail.length) continue
      const isLonger = best && end === best.end && literal.length > this.literals[best.literal].length
      if (!best || end < best.end || isLonger) best = { literal: index, end }
    }
    return best && { literal: best.literal, rest: all.slice(best.end) }
  }

  /** Tokens that would reach beyond the end of a literal. */
  *overshooting(vocabulary: Vocabulary): Generator<{ token: number } & Found> {
    for (const { token, before, literal } of this.candidates) {
      if (!endsWith(this.tail, this.literals[literal].subarray(0, before))) continue
      const found = this.find(vocabulary.bytesOf(token))
      if (found && found.rest.length > 0) yield { token, ...found }
    }
  }
}

export function startsWith(bytes: Uint8Array, beginning: Uint8Array): boolean {
  return beginning.length <= bytes.length && beginning.every((byte, i) => bytes[i] === byte)
}

function endsWith(bytes: Uint8Array, end: Uint8Array): boolean {
  return end.length <= bytes.length && end.every((byte, i) => bytes[bytes.length - end.length + i] === byte)
}

function indexOf(bytes: Uint8Array, part: Uint8Array, from: number): number {
  for (let at = from; at + part.length <= bytes.length; at++) {
    if (part.every((byte, i) => bytes[at + i] === byte)) return at
  }
  return -1
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const all = new Uint8Array(a.length + b.length)
  all.set(a)
  all.set(b, a.length)
  return all
}
