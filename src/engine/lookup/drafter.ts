import { DraftOdds } from './draft-odds.js'
import type { StepCosts } from './step-costs.js'
import { type Match, TextIndex } from './text-index.js'

/** Expected gain at which drafting begins, and the smaller one at which it continues. */
const BEGIN = 1.1
const CONTINUE = 1.03

/**
 * Prompt lookup: drafts the next tokens of a text from an earlier place of it that ended alike. It drafts as many as
 * gain most, by the odds that they are right and the time that they cost; none if they gain nothing.
 */
export class Drafter {
  private readonly index = new TextIndex()
  private readonly odds = new DraftOdds()
  private match?: Match
  private isOn = false

  constructor(
    readonly costs: StepCosts,
    /** Most tokens of a draft. */
    private readonly most: number,
  ) {}

  /** Number of tokens of the text. */
  get length(): number {
    return this.index.length
  }

  /** Adds a token to the text, and counts whether its draft would have been right. */
  add(token: number): void {
    const { index, odds, match } = this
    if (match) odds.count(match.equal, index.following(match, 1)[0] === token)
    index.add(token)
    this.match = index.find()
  }

  /** Adds tokens that were no choice of the model. */
  addGiven(tokens: ArrayLike<number>): void {
    for (let i = 0; i < tokens.length; i++) this.index.add(tokens[i])
    this.match = this.index.find()
  }

  /** Drafts at most `most` tokens after the text. */
  draft(most: number): number[] {
    const { match } = this
    const count = match ? this.bestCount(match, Math.min(most, this.most)) : 0
    this.isOn = count > 0
    return match && count > 0 ? this.index.following(match, count) : []
  }

  private bestCount({ equal }: Match, most: number): number {
    const { odds, costs } = this
    let [best, gain] = [0, this.isOn ? CONTINUE : BEGIN]
    let [expected, odd] = [1, 1]
    for (let count = 1; count <= most; count++) {
      odd *= odds.after(equal + count - 1)
      expected += odd
      const speed = expected / costs.of(count + 1)
      if (speed > gain) [best, gain] = [count, speed]
    }
    return best
  }
}
