import { UserError } from '../../errors.js'
import { addLimits, has, type Limits, tokensOf } from './limits.js'
import type { GuideHost, Outcome, Stage, Way } from './stage.js'
import type { Allowed, Compiled, Matcher } from './xgrammar.js'

const STAYS: Outcome = { kind: 'stays' }
const OVER: Outcome = { kind: 'over', bytes: new Uint8Array(0) }

/** Text of a grammar. */
export class GrammarStage implements Stage {
  private matcher?: Matcher
  /** Tokens that the grammar has forced, and the matcher has moved over; the text has not yet. */
  private ahead: number[] = []
  /** Tokens that the matcher allows at its place. */
  private allowed: Allowed = { mask: new Int32Array(0), isComplete: false }
  /** The way after the phase; only set if the grammar is complete. */
  private next?: Way

  constructor(
    private readonly host: GuideHost,
    private readonly grammar: Compiled,
    private readonly beginNext: () => Promise<Way>,
  ) {}

  /** Whether a text of the grammar may begin with these bytes. */
  static async canBegin(host: GuideHost, grammar: Compiled, bytes: Uint8Array): Promise<boolean> {
    const matcher = await matcherOf(host, grammar)
    const can = matcher.acceptBytes(bytes)
    free(host, matcher)
    return can
  }

  async begin(bytes: Uint8Array): Promise<Outcome> {
    this.matcher = await matcherOf(this.host, this.grammar)
    if (bytes.length > 0 && !this.matcher.acceptBytes(bytes)) throw new Error('the text does not match the grammar')
    return this.look()
  }

  async limits(most: number): Promise<Limits> {
    await this.lookOn(most)
    if (this.ahead.length > 0) return { kind: 'tokens', tokens: [...this.ahead] }
    const { eos, vocabulary } = this.host
    const mask = this.allowed.mask.slice(0, Math.ceil(vocabulary.size / 32))
    if (this.next) addLimits(mask, await this.next.limits(0), eos, vocabulary.size)
    return { kind: 'mask', mask }
  }

  async take(token: number): Promise<Outcome> {
    if (this.ahead.length > 0) {
      this.ahead.shift()
      return this.ahead.length > 0 ? STAYS : this.outcome()
    }
    if (has(this.allowed.mask, token)) {
      if (!this.current.accept(token)) throw new Error('the text does not match the grammar')
      return this.look()
    }
    if (!this.next) throw new Error('the text does not match the grammar')
    free(this.host, this.current)
    await this.next.take(token)
    return { kind: 'leaves', way: this.next }
  }

  private get current(): Matcher {
    if (!this.matcher) throw new Error('the phase has not begun')
    return this.matcher
  }

  private async look(): Promise<Outcome> {
    this.allowed = await this.current.allowed()
    return this.outcome()
  }

  private async outcome(): Promise<Outcome> {
    this.next = undefined
    const { mask, isComplete } = this.allowed
    const canContinue = tokensOf(mask, 1).length > 0
    if (isComplete && !canContinue) {
      free(this.host, this.current)
      return OVER
    }
    if (isComplete) this.next = await this.beginNext()
    else if (!canContinue) throw new UserError('no token of the model continues the text as its grammar requires')
    return STAYS
  }

  /** Moves over tokens that are the only ones allowed. */
  private async lookOn(most: number): Promise<void> {
    while (!this.allowed.isComplete && this.ahead.length < most) {
      const tokens = tokensOf(this.allowed.mask, 2)
      if (tokens.length !== 1) return
      this.ahead.push(tokens[0])
      if (!this.current.accept(tokens[0])) throw new Error('the text does not match the grammar')
      this.allowed = await this.current.allowed()
    }
  }
}

async function matcherOf(host: GuideHost, grammar: Compiled): Promise<Matcher> {
  if (!host.xgrammar) throw new Error('no grammar has been compiled')
  const matcher = await host.xgrammar.matcher(grammar)
  host.matchers.add(matcher)
  return matcher
}

function free(host: GuideHost, matcher: Matcher): void {
  if (host.matchers.delete(matcher)) matcher.dispose()
}
