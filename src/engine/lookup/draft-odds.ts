import { MOST_EQUAL } from './text-index.js'

/** Least equal tokens of each class of matches. */
const CLASSES = [2, 3, 4, 5, 7, 9, 13, 21]
/** Expected share of right drafts of each class before any is known. docs/LAB.md has the texts. */
const EXPECTED = [0.2, 0.35, 0.5, 0.6, 0.7, 0.75, 0.85, 0.9]
/** Number of drafts that the expectation counts for. */
const WEIGHT = 3
/** Factor of the counts so far, at each further draft of the class. */
const KEPT = 0.97

/** Class of each number of equal tokens. */
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
export class DraftOdds {
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
