import type { Grammar } from '../api/guide.js'
import { UserError } from '../errors.js'
import type { Expression } from './forms/expression.js'
import { expressionOf } from './forms/grammar-expression.js'
import { writeEbnf } from './forms/write-ebnf.js'
import { type EncodedPhase, MOST_COMPILED } from './protocol.js'
import { Literals } from './run/literals.js'
import type { Phase } from './run/stage.js'
import type { Vocabulary } from './run/vocabulary.js'
import { type Compiled, XGrammar } from './run/xgrammar.js'

/** Prepares the phases of guides. XGrammar is loaded with the first grammar. */
export class Preparation {
  /** By their JSON, the one used last at the end. */
  private readonly compiled = new Map<string, Compiled>()
  private readonly literals = new Map<string, Literals>()
  private loading?: Promise<XGrammar>

  constructor(private readonly vocabulary: Vocabulary) {}

  /** Rejects with a UserError that names what is wrong with a grammar. */
  async phases(encoded: readonly EncodedPhase[]): Promise<Phase[]> {
    const phases: Phase[] = []
    for (const phase of encoded) phases.push(await this.phase(phase))
    return phases
  }

  /** XGrammar, if a grammar has been compiled. */
  async xgrammar(): Promise<XGrammar | undefined> {
    return this.loading
  }

  private async phase(phase: EncodedPhase): Promise<Phase> {
    switch (phase.kind) {
      case 'forced':
        return phase
      case 'grammar':
        return { kind: 'grammar', grammar: await this.compile(phase.grammar) }
      case 'calls': {
        const grammars: Compiled[] = []
        for (const { then } of phase.triggers) grammars.push(await this.compile(then))
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

  private async compile(grammar: Grammar): Promise<Compiled> {
    const key = JSON.stringify(grammar)
    const known = this.compiled.get(key)
    this.compiled.delete(key)
    const compiled = known ?? (await this.compileNew(grammar))
    this.compiled.set(key, compiled)
    if (this.compiled.size > MOST_COMPILED) {
      const [oldest, unused] = this.compiled.entries().next().value as [string, Compiled]
      this.compiled.delete(oldest)
      unused.dispose()
    }
    return compiled
  }

  private async compileNew(grammar: Grammar): Promise<Compiled> {
    const ebnf = ebnfOf(
      expressionOf(grammar, (text) => this.vocabulary.written(text)),
      grammar,
    )
    this.loading ??= XGrammar.load(this.vocabulary)
    this.loading.catch(() => {
      this.loading = undefined
    })
    return (await this.loading).compile(ebnf)
  }

  private literalsOf(texts: readonly string[]): Literals {
    const key = JSON.stringify(texts)
    const literals = this.literals.get(key) ?? new Literals(texts, this.vocabulary)
    if (this.literals.size >= MOST_COMPILED) this.literals.clear()
    this.literals.set(key, literals)
    return literals
  }
}

function ebnfOf(expression: Expression, { kind }: Grammar): string {
  try {
    return writeEbnf(expression)
  } catch (error) {
    const name = kind === 'schema' || kind === 'regex' ? kind : 'grammar'
    throw error instanceof UserError ? new UserError(`${name}: ${error.message}`) : error
  }
}
