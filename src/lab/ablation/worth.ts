/**
 * Ways to take an expert away. `off`: its output becomes 0. `around`: tokens use the next best expert of the layer.
 * `mean`: its output becomes the mean output of the layer's experts on the text. Gates come from the scores of all
 * experts in each case.
 */
export const WAYS = ['off', 'around', 'mean'] as const
export type Way = (typeof WAYS)[number]

/** Worth of something in nats per token: how much worse a text is predicted without it. */
export interface Worth {
  /** Above 0 if the model predicts better with it. */
  nats: number
  /** Two standard errors over the parts of the text; undefined for a single part. */
  error?: number
}

/** Worth from each part's loss in nats and predicted tokens, with the error of a ratio of sums over parts. */
export function worthOf(losses: readonly number[], tokens: readonly number[]): Worth {
  const all = sum(tokens)
  const nats = sum(losses) / all
  const parts = losses.length
  if (parts < 2) return { nats }
  const squares = sum(losses.map((loss, part) => (loss - nats * tokens[part]) ** 2))
  return { nats, error: (2 * Math.sqrt((squares * parts) / (parts - 1))) / all }
}

/** Worth of something by the losses of each part without it and with it. */
export function riseOf(without: readonly number[], whole: readonly number[], tokens: readonly number[]): Worth {
  return worthOf(
    without.map((loss, part) => loss - whole[part]),
    tokens,
  )
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
