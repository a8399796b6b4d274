import { UserError } from '../../../ground/errors.js'
import { addLimits, has, type Limits, tokensOf } from './limits.js'
import type { Allowed, CompiledGrammar, Matcher } from './matcher.js'
import { type GuideHost, type Outcome, OVER, STAYS, type Stage, type Way } from './stage.js'

/** Text of a grammar. */
export class GrammarStage implements Stage {
  private readonly matcher: Matcher
  /** Tokens that the grammar has forced, and the matcher has moved over; the text has not yet. */
  private ahead: number[] = []
  /** Tokens that the matcher allows at its place. */
  private allowed: Allowed = { mask: new Int32Array(0), isComplete: false }
  /** The way after the phase; only set if the grammar is complete. */
  private next?: Way

  constructor(
    private readonly host: GuideHost,
    grammar: CompiledGrammar,
    private readonly beginNext: () => Way,
  ) {
    this.matcher = grammar.matcher()
  }

  /** Whether a text of the grammar may begin with these bytes. */
  static canBegin(grammar: CompiledGrammar, bytes: Uint8Array): boolean {
    return grammar.matcher().acceptBytes(bytes)
  }

  begin(bytes: Uint8Array): Outcome {
    if (bytes.length > 0) mustMatch(this.matcher.acceptBytes(bytes))
    return this.look()
  }

  limits(): Limits {
    if (this.ahead.length > 0) return { kind: 'forced', tokens: Int32Array.from(this.ahead) }
    const { eos, vocabulary } = this.host
    const mask = this.allowed.mask.slice()
    if (this.next) addLimits(mask, this.next.limits(), eos, vocabulary.size)
    return { kind: 'masked', mask }
  }

  take(token: number): Outcome {
    if (this.ahead.length > 0) {
      this.ahead.shift()
      return this.ahead.length > 0 ? STAYS : this.outcome()
    }
    if (has(this.allowed.mask, token)) {
      mustMatch(this.matcher.accept(token))
      return this.look()
    }
    mustMatch(this.next)
    this.next.take(token)
    return { kind: 'leaves', way: this.next }
  }

  private look(): Outcome {
    this.allowed = this.matcher.allowed()
    return this.outcome()
  }

  private outcome(): Outcome {
    this.next = undefined
    const { mask, isComplete } = this.allowed
    const canContinue = tokensOf(mask, 1).length > 0
    if (isComplete && !canContinue) return OVER
    if (isComplete) this.next = this.beginNext()
    else if (!canContinue) throw new UserError('no token of the model continues the text as its grammar requires')
    return STAYS
  }

  lookOn(most: number): boolean {
    if (this.allowed.isComplete || this.ahead.length >= most) return false
    const tokens = tokensOf(this.allowed.mask, 2)
    if (tokens.length !== 1) return false
    this.ahead.push(tokens[0])
    mustMatch(this.matcher.accept(tokens[0]))
    this.allowed = this.matcher.allowed()
    return true
  }
}

function mustMatch(matches: unknown): asserts matches {
  if (!matches) throw new Error('the text does not match the grammar')
}
