import type { StepCosts } from './step-costs.js'
import { type Match, MOST_EQUAL, TextIndex } from './text-index.js'

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
    private readonly most: number,
  ) {}

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

/** Least equal tokens of each class of matches. */
const CLASSES = [2, 3, 4, 5, 7, 9, 13, 21]
/** Expected share of right drafts of each class before any is known. bench/LAB.md has the texts. */
const EXPECTED = [0.2, 0.35, 0.5, 0.6, 0.7, 0.75, 0.85, 0.9]
/** Number of drafts that the expectation counts for. */
const WEIGHT = 3
/** Factor of the counts so far, at each further draft of the class. */
const KEPT = 0.97

const CLASS_OF = Array.from({ length: MOST_EQUAL + 1 }, (_, equal) => {
  return Math.max(
    0,
    CLASSES.findLastIndex((least) => least <= equal),
  )
})

/**
 * Odds that a token which followed an earlier match follows again, by the length of the match. They are known without
 * running any draft: each token of the text shows whether its draft would have been right.
 */
class DraftOdds {
  private readonly right = EXPECTED.map((share) => share * WEIGHT)
  private readonly all = EXPECTED.map(() => WEIGHT)

  /** Counts the draft that a token would have had. */
  count(equal: number, isRight: boolean): void {
    const at = CLASS_OF[equal]
    this.right[at] = this.right[at] * KEPT + (isRight ? 1 : 0)
    this.all[at] = this.all[at] * KEPT + 1
  }

  /** Odds that the token after `equal` equal ones is right. */
  after(equal: number): number {
    const at = CLASS_OF[Math.min(equal, MOST_EQUAL)]
    return this.right[at] / this.all[at]
  }
}
