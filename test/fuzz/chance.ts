import { type Random, seededRandom } from '#molm/engine/sampling/random.js'

/** Source of randomness for one input: the same seed, format and case always give the same input. */
export class Chance {
  /** Human-readable notes of the changes made to a sound input. An input without a note is sound. */
  readonly notes: string[] = []
  private readonly random: Random

  constructor(seed: number, format: string, index: number) {
    const name = `${seed} ${format} ${index}`
    this.random = seededRandom((hash(name, 1) % 2 ** 21) * 2 ** 32 + hash(name, 2))
  }

  /** An integer, uniform in 0 ... end - 1. */
  below(end: number): number {
    return Math.floor(this.random.nextFloat() * end)
  }

  /** An integer, uniform in first ... last. */
  between(first: number, last: number): number {
    return first + this.below(last - first + 1)
  }

  /** True once in `n` times. */
  oneIn(n: number): boolean {
    return this.below(n) === 0
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]
  }

  /** A size: small ones are as likely as large ones. */
  size(most: number): number {
    return Math.floor((most + 1) ** this.random.nextFloat()) - 1
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.below(256))
  }

  note(text: string): void {
    this.notes.push(text)
  }
}

/** FNV-1a with a different start value for each `key`. */
function hash(text: string, key: number): number {
  let h = 0x811c9dc5 ^ Math.imul(key, 0x9e3779b1)
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  return (h ^ (h >>> 15)) >>> 0
}
