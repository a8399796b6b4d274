import type { Model } from '../../api/model.js'
import { type Dataset, heldOutSample } from './datasets.js'
import { lossOf } from './measure.js'

/** A bias of the new experts' gates, with its gains and losses on held-out sequences. */
export interface CalibrationPoint {
  /** Added to the new experts' scores in every router; below 0 they are chosen less. */
  bias: number
  /** Mean cross-entropy in nats over the held-out tenth of the texts. */
  heldOutLoss: number
  /** Share of the choices there that fell on new experts. */
  newExpertShare: number
  /** For each retained text: the rise of its loss in nats over the original model's, and the accepted rise. */
  retained: { name: string; rise: number; bound: number }[]
}

export interface Calibration {
  bias: number
  /** Whether every retained text stays within `forget`. */
  isWithinLimit: boolean
  /** The original model's mean cross-entropy over the held-out tenth of the texts. */
  heldOutLossBefore: number
  /** Measured points, in falling order of the bias. */
  curve: CalibrationPoint[]
}

interface CalibrationOptions {
  /** Accepted rise of the retained texts' perplexity, as a share of it. */
  forget: number
  onPoint?: (point: CalibrationPoint) => void
  signal?: AbortSignal
}

/** Biases to try first; at the last one a new expert has 0.02 of its odds. */
const COARSE = [0, -0.5, -1, -2, -4]
/** Bisection steps between two of these. */
const HALVINGS = 3
/** Tokens measured per point: of the held-out texts together, and of each retained text. */
const TOKENS = 4096
const RETAINED_TOKENS = 4096
/** Share of a continuation that is not scored: it is still about the new text, and the models should differ. */
const NEAR_SHARE = 0.5

/** Least gain in nats that counts as learnt. */
const LEAST_GAIN = 1e-3

/** Whether new experts with this bias predict the held-out texts better than the original model. */
export function hasLearnt({ heldOutLossBefore, curve }: Calibration, bias: number): boolean {
  const point = curve.find((tried) => tried.bias === bias)
  return point !== undefined && point.heldOutLoss < heldOutLossBefore - LEAST_GAIN
}

/**
 * Chooses a bias for the gates of the new experts: the nearest to 0 at which no retained text loses more than its
 * allowance of `forget`. If there is none, it is the one whose largest excess is smallest. It only runs forward passes.
 */
export async function calibrate(
  model: Model,
  { datasets, retained }: { datasets: readonly Dataset[]; retained: readonly Dataset[] },
  { forget, onPoint, signal }: CalibrationOptions,
): Promise<Calibration> {
  const taught = datasets.map((dataset) => ({ dataset, sequences: heldOutSample(dataset, TOKENS / datasets.length) }))
  const lossAt = (newExpertBias: number) => lossOf(model, taught, { newExpertBias, signal })
  const { loss: heldOutLossBefore } = await lossAt(-Infinity)
  const rises: Rise[] = []
  for (const dataset of retained) rises.push(await riseOf(model, dataset, signal))
  const curve: CalibrationPoint[] = []
  const at = async (bias: number) => {
    const { loss: heldOutLoss, newExpertShare } = await lossAt(bias)
    const point: CalibrationPoint = { bias, heldOutLoss, newExpertShare, retained: [] }
    for (const [i, dataset] of retained.entries()) {
      point.retained.push({ name: dataset.name, rise: await rises[i](bias), bound: boundOf(dataset, forget) })
    }
    curve.push(point)
    onPoint?.(point)
    return isWithinLimit(point)
  }
  const tried: boolean[] = []
  for (const bias of COARSE) tried.push(await at(bias))
  // Biases further from 0 than the first within the limit are of no interest.
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

/** Largest excess of a retained text's rise over its bound. */
function worstOf({ retained }: CalibrationPoint): number {
  return retained.reduce((worst, { rise, bound }) => Math.max(worst, rise - bound), -Infinity)
}

/** Rise of a text's loss, in nats, that `forget` accepts. */
export function boundOf({ allowance = 1 }: Dataset, forget: number): number {
  return Math.log1p(forget * allowance)
}

/** Measures the rise of a text's loss, in nats, with new experts at a bias. */
type Rise = (bias: number) => Promise<number>

/** Measures a retained text with the original model, unless that wrote it. */
async function riseOf(model: Model, dataset: Dataset, signal?: AbortSignal): Promise<Rise> {
  if (dataset.isGenerated) return (newExpertBias) => divergenceOf(model, dataset, { newExpertBias, signal })
  const samples = [{ dataset, sequences: heldOutSample(dataset, RETAINED_TOKENS) }]
  const lossAt = async (newExpertBias: number) => (await lossOf(model, samples, { newExpertBias, signal })).loss
  const before = await lossAt(-Infinity)
  return async (bias) => (await lossAt(bias)) - before
}

/** KL divergence from the original model on passages that it wrote: the mean rise of their loss, with less noise. */
async function divergenceOf(
  model: Model,
  dataset: Dataset,
  options: { newExpertBias: number; signal?: AbortSignal },
): Promise<number> {
  const { prompt = 0, heldOut } = dataset
  const near = prompt === 0 ? 0 : NEAR_SHARE
  const longest = Math.max(...heldOut.map(({ length }) => length))
  const scored = { ...dataset, prompt: Math.max(prompt, Math.floor(near * longest)) }
  return (await lossOf(model, [{ dataset: scored, sequences: heldOut }], { ...options, fromOriginal: true })).loss
}
