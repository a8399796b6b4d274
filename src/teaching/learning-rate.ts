/** Share of the steps with a rising rate, and the most steps of it. */
const WARM_UP_SHARE = 0.1
const MOST_WARM_UP = 50
/** Share of the highest rate at the end. */
const LEAST_SHARE = 0.1

/** Learning rate of step `step`, from 0, of `steps`: a linear warm-up, then half a cosine down to a tenth. */
export function learningRateAt(step: number, steps: number, highest: number): number {
  const warmUp = Math.max(1, Math.min(MOST_WARM_UP, Math.ceil(steps * WARM_UP_SHARE)))
  if (step < warmUp) return (highest * (step + 1)) / warmUp
  const done = (step - warmUp) / Math.max(1, steps - warmUp)
  return highest * (LEAST_SHARE + (1 - LEAST_SHARE) * 0.5 * (1 + Math.cos(Math.PI * done)))
}
