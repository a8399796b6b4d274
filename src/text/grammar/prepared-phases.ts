import type { EncodedPhase, PreparedGrammar } from './protocol.js'
import { grammarIn } from './run/byte-grammar.js'
import { Literals } from './run/literals.js'
import { CompiledGrammar } from './run/matcher.js'
import type { Phase } from './run/stage.js'
import type { Vocabulary } from './run/vocabulary.js'

/** Most grammars that a thread keeps, with the masks that it has found. */
const MOST_GRAMMARS = 32

/** Makes the phases of guides, which share grammars and literals. */
export class PreparedPhases {
  /** By their numbers, the one used last at the end. */
  private readonly compiled = new Map<number, CompiledGrammar>()
  private readonly literals = new Map<string, Literals>()

  constructor(private readonly vocabulary: Vocabulary) {}

  phases(encoded: readonly EncodedPhase[], grammars: readonly PreparedGrammar[]): Phase[] {
    const compiled = grammars.map((grammar) => this.compile(grammar))
    return encoded.map((phase) => this.phase(phase, compiled))
  }

  private phase(phase: EncodedPhase, grammars: readonly CompiledGrammar[]): Phase {
    switch (phase.kind) {
      case 'forced':
        return phase
      case 'grammar':
        return { kind: 'grammar', grammar: grammars[phase.grammar] }
      case 'calls': {
        const triggers = this.literalsOf(phase.triggers.map(({ text }) => text))
        const called = phase.triggers.map(({ grammar }) => grammars[grammar])
        return { kind: 'calls', triggers, grammars: called, once: phase.once ?? false }
      }
      case 'free': {
        const { until, open, budget, close } = phase
        return {
          kind: 'free',
          until: until.length > 0 ? this.literalsOf(until) : undefined,
          open: open === undefined ? undefined : new TextEncoder().encode(open),
          budget,
          close,
        }
      }
    }
  }

  private compile({ number, words }: PreparedGrammar): CompiledGrammar {
    const compiled = this.compiled.get(number) ?? new CompiledGrammar(grammarIn(words), this.vocabulary)
    this.compiled.delete(number)
    this.compiled.set(number, compiled)
    const [oldest] = this.compiled.keys()
    if (this.compiled.size > MOST_GRAMMARS) this.compiled.delete(oldest)
    return compiled
  }

  private literalsOf(texts: readonly string[]): Literals {
    const key = JSON.stringify(texts)
    const literals = this.literals.get(key) ?? new Literals(texts, this.vocabulary)
    if (this.literals.size >= MOST_GRAMMARS) this.literals.clear()
    this.literals.set(key, literals)
    return literals
  }
}
