import type { PreparedGrammar } from './protocol.js'

/** Most grammars, and bytes of them, that stay prepared. */
const MOST_GRAMMARS = 64
const MOST_BYTES = 2 ** 25

/** The grammars that were prepared last. */
export class PreparedGrammars {
  /** By their JSON, the one used last at the end. */
  private readonly all = new Map<string, PreparedGrammar>()
  private bytes = 0
  private count = 0

  get(grammar: string): PreparedGrammar | undefined {
    const known = this.all.get(grammar)
    if (known) {
      this.all.delete(grammar)
      this.all.set(grammar, known)
    }
    return known
  }

  add(grammar: string, words: SharedArrayBuffer): PreparedGrammar {
    const prepared = { number: this.count++, words }
    this.all.set(grammar, prepared)
    this.bytes += bytesOf(grammar, prepared)
    for (const [oldest, one] of this.all) {
      if (this.all.size <= MOST_GRAMMARS && this.bytes <= MOST_BYTES) break
      this.all.delete(oldest)
      this.bytes -= bytesOf(oldest, one)
    }
    return prepared
  }
}

function bytesOf(grammar: string, { words }: PreparedGrammar): number {
  return 2 * grammar.length + words.byteLength
}
