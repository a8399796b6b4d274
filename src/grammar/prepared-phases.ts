import type { Grammar } from '../api/guide.js'
import { UserError } from '../errors.js'
import type { Expression } from './forms/expression.js'
import { expressionOf } from './forms/grammar-expression.js'
import { specialsIn } from './forms/special-texts.js'
import { type EncodedPhase, MOST_COMPILED } from './protocol.js'
import { Literals } from './run/literals.js'
import { CompiledGrammar } from './run/matcher.js'
import type { Phase } from './run/stage.js'
import type { Vocabulary } from './run/vocabulary.js'

/** Prepares the phases of guides. */
export class Preparation {
  /** By their JSON, the one used last at the end. */
  private readonly compiled = new Map<string, CompiledGrammar>()
  private readonly literals = new Map<string, Literals>()

  private readonly written: (text: string) => Expression

  constructor(
    private readonly vocabulary: Vocabulary,
    specials: readonly string[],
  ) {
    this.written = specialsIn(specials)
  }

  /** Throws a UserError that names what is wrong with a grammar. */
  phases(encoded: readonly EncodedPhase[]): Phase[] {
    return encoded.map((phase) => this.phase(phase))
  }

  private phase(phase: EncodedPhase): Phase {
    switch (phase.kind) {
      case 'forced':
        return phase
      case 'grammar':
        return { kind: 'grammar', grammar: this.compile(phase.grammar) }
      case 'calls': {
        const grammars = phase.triggers.map(({ then }) => this.compile(then))
        const triggers = this.literalsOf(phase.triggers.map(({ text }) => text))
        return { kind: 'calls', triggers, grammars, once: phase.once ?? false }
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

  private compile(grammar: Grammar): CompiledGrammar {
    const key = JSON.stringify(grammar)
    const compiled = this.compiled.get(key) ?? this.compileNew(grammar)
    this.compiled.delete(key)
    this.compiled.set(key, compiled)
    const [oldest] = this.compiled.keys()
    if (this.compiled.size > MOST_COMPILED) this.compiled.delete(oldest)
    return compiled
  }

  private compileNew(grammar: Grammar): CompiledGrammar {
    const expression = expressionOf(grammar, this.written)
    try {
      return new CompiledGrammar(expression, this.vocabulary)
    } catch (error) {
      const name = grammar.kind === 'schema' || grammar.kind === 'regex' ? grammar.kind : 'grammar'
      throw error instanceof UserError ? new UserError(`${name}: ${error.message}`) : error
    }
  }

  private literalsOf(texts: readonly string[]): Literals {
    const key = JSON.stringify(texts)
    const literals = this.literals.get(key) ?? new Literals(texts, this.vocabulary)
    if (this.literals.size >= MOST_COMPILED) this.literals.clear()
    this.literals.set(key, literals)
    return literals
  }
}
