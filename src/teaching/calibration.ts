import type { Model } from '../api/model.js'
import { type Dataset, heldOutSample } from './datasets.js'
import { lossOf, type Sample } from './measure.js'

/** How far the gates of new experts are open, and what it brings and costs on held-out sequences. */
export interface CalibrationPoint {
  /** Added to the scores of the new experts in every router: below 0 they are chosen less. */
  bias: number
  /** Mean cross-entropy in nats over the held-out tenth of the texts. */
  heldOutLoss: number
  /** Part of the choices there that fell on new experts. */
  newExpertShare: number
  /**
   * For each lesson of what is to be kept, the rise of its loss in nats over that of the model as it was, and the rise that
   * is accepted.
   */
  retained: { name: string; rise: number; bound: number }[]
}

export interface Calibration {
  /** The bias that was chosen. */
  bias: number
  /** Whether it keeps every lesson within `forget`. */
  isWithinLimit: boolean
  /** Mean cross-entropy over the held-out tenth of the texts by the model as it was. */
  heldOutLossBefore: number
  /** What was measured, in falling order of the bias. */
  curve: CalibrationPoint[]
}

interface CalibrationOptions {
  /** Rise of the perplexity of what is to be kept that is accepted, as a share of it. */
  forget: number
  onPoint?: (point: CalibrationPoint) => void
  signal?: AbortSignal
}

/** Biases that are tried first; at the last a new expert has 0.02 of its odds. */
const COARSE = [0, -0.5, -1, -2, -4]
/** The limit is then looked for between two of these, by halves. */
const HALVINGS = 3
/** Tokens of the held-out texts that are measured for a point, and of each text to be kept. */
const TOKENS = 4096
const RETAINED_TOKENS = 4096
/** Share of a continuation that does not count: it is still about the new text, on which the models are to differ. */
const NEAR_SHARE = 0.5

/** Gain in nats below which nothing has been learnt. */
const LEAST_GAIN = 1e-3

/** Whether new experts with this bias predict the held-out texts better than the model as it was. */
export function hasLearnt({ heldOutLossBefore, curve }: Calibration, bias: number): boolean {
  const point = curve.find((tried) => tried.bias === bias)
  return point !== undefined && point.heldOutLoss < heldOutLossBefore - LEAST_GAIN
}

/**
 * Chooses a bias for the gates of a training's new experts: the nearest to 0 at which no lesson that is to be kept loses more than
 * its allowance of `forget`, or, if there is none, the one at which the worst loses least. Forward passes alone.
 */
export async function calibrate(
  model: Model,
  { datasets, retained }: { datasets: readonly Dataset[]; retained: readonly Dataset[] },
  options: CalibrationOptions,
): Promise<Calibration> {
  const { onPoint } = options
  const { heldOutLossBefore, measure } = await gauge(model, datasets, retained, options)
  const curve: CalibrationPoint[] = []
  const at = async (bias: number) => {
    const point = await measure(bias)
    curve.push(point)
    onPoint?.(point)
    return isWithinLimit(point)
  }
  const tried: boolean[] = []
  for (const bias of COARSE) tried.push(await at(bias))
  // Beyond it none is of interest, within or not.
  const first = tried.indexOf(true)
  if (first > 0) {
    let [closed, open] = [COARSE[first], COARSE[first - 1]]
    for (let i = 0; i < HALVINGS; i++) {
      const middle = (closed + open) / 2
      if (await at(middle)) closed = middle
      else open = middle
    }
  }
  curve.sort((a, b) => b.bias - a.bias)
  const chosen =
    curve.find(isWithinLimit) ?? curve.reduce((best, point) => (worstOf(point) < worstOf(best) ? point : best))
  return { bias: chosen.bias, isWithinLimit: isWithinLimit(chosen), heldOutLossBefore, curve }
}

function isWithinLimit({ retained }: CalibrationPoint): boolean {
  return retained.every(({ rise, bound }) => rise <= bound)
}

/** How far the worst of what is to be kept is beyond its bound. */
function worstOf({ retained }: CalibrationPoint): number {
  return retained.reduce((worst, { rise, bound }) => Math.max(worst, rise - bound), -Infinity)
}

/** Rise of the loss of a lesson, in nats, that `forget` accepts. */
export function boundOf({ allowance = 1 }: Dataset, forget: number): number {
  return Math.log1p(forget * allowance)
}

/** Measures the model as it was; `measure` then measures it with new experts. */
async function gauge(
  model: Model,
  datasets: readonly Dataset[],
  retained: readonly Dataset[],
  { forget, signal }: CalibrationOptions,
): Promise<{ heldOutLossBefore: number; measure: (bias: number) => Promise<CalibrationPoint> }> {
  const taught = datasets.map((dataset) => ({ dataset, sequences: heldOutSample(dataset, TOKENS / datasets.length) }))
  const lossAt = async (samples: readonly Sample[], newExpertBias: number) =>
    lossOf(model, samples, { newExpertBias, signal })
  const { loss: heldOutLossBefore } = await lossAt(taught, -Infinity)
  const rises: ((bias: number) => Promise<number>)[] = []
  for (const dataset of retained) {
    if (dataset.isGenerated) {
      rises.push((newExpertBias) => divergenceOf(model, dataset, { newExpertBias, signal }))
      continue
    }
    const samples = [{ dataset, sequences: heldOutSample(dataset, RETAINED_TOKENS) }]
    const before = (await lossAt(samples, -Infinity)).loss
    rises.push(async (bias) => (await lossAt(samples, bias)).loss - before)
  }
  const measure = async (bias: number) => {
    const { loss, newExpertShare } = await lossAt(taught, bias)
    const points: CalibrationPoint['retained'] = []
    for (const [i, { name }] of retained.entries()) {
      points.push({ name, rise: await rises[i](bias), bound: boundOf(retained[i], forget) })
    }
    return { bias, heldOutLoss: loss, newExpertShare, retained: points }
  }
  return { heldOutLossBefore, measure }
}

/**
 * The divergence from the model as it was, on passages that this wrote: the rise of their loss that is to be expected, without
 * the chance that is in the rise of one sample.
 */
async function divergenceOf(
  model: Model,
  dataset: Dataset,
  options: { newExpertBias: number; signal?: AbortSignal },
): Promise<number> {
  const { prompt = 0, heldOut } = dataset
  const near = prompt === 0 ? 0 : NEAR_SHARE
  const longest = Math.max(...heldOut.map(({ length }) => length))
  const scored = { ...dataset, prompt: Math.max(prompt, Math.floor(near * longest)) }
  return (await lossOf(model, [{ dataset: scored, sequences: heldOut }], { ...options, fromBefore: true })).loss
}
