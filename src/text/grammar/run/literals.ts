import { joined, placeOf } from '../../../ground/bytes.js'
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

/** Texts that are looked for in the bytes of tokens. */
export class Literals {
  readonly literals: readonly Uint8Array[]
  readonly longest: number
  readonly candidates: readonly Candidate[]

  constructor(texts: readonly string[], vocabulary: Vocabulary) {
    this.literals = texts.map((text) => new TextEncoder().encode(text))
    this.longest = Math.max(...this.literals.map((literal) => literal.length))
    this.candidates = this.overshooting(vocabulary)
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
        const at = placeOf(literal, bytes)
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

  constructor(private readonly of: Literals) {}

  /** Adds bytes; the literal that ends first in them, if one does. */
  add(bytes: Uint8Array): Found | undefined {
    const found = this.find(bytes)
    const all = joined([this.tail, bytes])
    this.tail = all.subarray(Math.max(0, all.length - this.of.longest + 1))
    return found
  }

  /** The literal that ends first in bytes that would follow; of several, the longest. */
  find(bytes: Uint8Array): Found | undefined {
    const all = joined([this.tail, bytes])
    let best: { literal: number; end: number } | undefined
    for (const [index, literal] of this.of.literals.entries()) {
      const at = placeOf(literal, all, Math.max(0, this.tail.length - literal.length + 1))
      const end = at + literal.length
      if (at < 0 || end <= this.tail.length) continue
      const isLonger = best && end === best.end && literal.length > this.of.literals[best.literal].length
      if (!best || end < best.end || isLonger) best = { literal: index, end }
    }
    return best && { literal: best.literal, rest: all.slice(best.end) }
  }

  /** Tokens that would reach beyond the end of a literal. */
  *overshooting(vocabulary: Vocabulary): Generator<{ token: number } & Found> {
    for (const { token, before, literal } of this.of.candidates) {
      if (!endsWith(this.tail, this.of.literals[literal].subarray(0, before))) continue
      const found = this.find(vocabulary.bytesOf(token))
      if (found && found.rest.length > 0) yield { token, ...found }
    }
  }
}

export function startsWith(bytes: Uint8Array, beginning: Uint8Array): boolean {
  return beginning.length <= bytes.length && beginning.every((byte, i) => bytes[i] === byte)
}

function endsWith(bytes: Uint8Array, end: Uint8Array): boolean {
  return end.length <= bytes.length && startsWith(bytes.subarray(bytes.length - end.length), end)
}
