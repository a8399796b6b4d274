import type { Model } from '../../api/model.js'
import { type Dataset, heldOutSample } from './datasets.js'
import { lossOf } from './measure.js'

/** A bias of the new experts' gates, with its gain and its cost on held-out sequences. */
export interface GatePoint {
  /** See `biasesOf`. */
  bias: number
  /** Mean cross-entropy in nats over the held-out tenth of the texts. */
  heldOutLoss: number
  /** Share of the choices there that fell on new experts. */
  newExpertShare: number
  /** Least `forget` that accepts this bias: the rise of a retained text's perplexity, as a share, over its allowance. */
  cost: number
}

export interface CalibrationPoint extends GatePoint {
  /** For each retained text: the rise of its loss in nats over the original model's, and the factor of `forget`. */
  retained: { name: string; rise: number; allowance: number }[]
}

/** Cost and gain of a value of `forget`. */
export interface GateChoice extends GatePoint {
  forget: number
  /** Whether every retained text stays within `forget`. */
  isWithinLimit: boolean
}

export interface Calibration extends GateChoice {
  /** The original model's mean cross-entropy over the held-out tenth of the texts. */
  heldOutLossBefore: number
  /** Measured points, in falling order of the bias. */
  curve: CalibrationPoint[]
}

/** Values of `forget` that a report compares. */
export const FORGETS = [0.005, 0.01, 0.02, 0.05]
/** Highest of these that is chosen without being asked for. */
const MOST_FORGET = 0.02
/** Least fall of the loss in nats that is chosen without being asked for: half the perplexity. */
const HALF = Math.LN2

/** Biases are tried from 0 down in such steps; at the last one a new expert of a later layer has 0.14 of its odds. */
const STEP = 0.5
const LAST_BIAS = -6
/** Share of the bias that later layers get. */
const LATER = 1 / 3
/** Tokens measured per point: of the held-out texts together, and of each retained text. */
const TOKENS = 4096
const RETAINED_TOKENS = 4096
/** Share of a continuation that is not scored: it is still about the new text, and the models should differ. */
const NEAR_SHARE = 0.5

/** Least gain in nats that counts as learnt. */
const LEAST_GAIN = 1e-3

/**
 * Values added to the new experts' scores, one per layer up to the last taught one; below 0 they are chosen less. The
 * earlier half of the taught layers gets the bias, the later half a third of it: there the routers tell new text from
 * old better, and closing their gates costs more of what was learnt (bench/LAB.md).
 */
export function biasesOf(bias: number, layers: readonly number[]): number[] {
  const biases = new Array<number>(Math.max(...layers) + 1).fill(0)
  for (const [i, layer] of layers.entries()) {
    biases[layer] = i < layers.length / 2 ? bias : LATER * bias
  }
  return biases
}

/** Whether new experts with this bias predict the held-out texts better than the original model. */
export function hasLearnt({ heldOutLoss }: GatePoint, heldOutLossBefore: number): boolean {
  return heldOutLoss < heldOutLossBefore - LEAST_GAIN
}

/** The point nearest to a bias of 0 that `forget` accepts; if there is none, the one that costs least. */
export function choiceAt(curve: readonly GatePoint[], forget: number): GateChoice {
  const point =
    curve.find(({ cost }) => cost <= forget) ?? curve.reduce((best, one) => (one.cost < best.cost ? one : best))
  const { bias, heldOutLoss, newExpertShare, cost } = point
  return { forget, bias, heldOutLoss, newExpertShare, cost, isWithinLimit: cost <= forget }
}

/**
 * Choices for a model that is tried before it is kept, the least `forget` first: the values that halve the perplexity of
 * the texts. If none does, the highest.
 */
export function choicesToTry(curve: readonly GatePoint[], heldOutLossBefore: number): GateChoice[] {
  const choices = FORGETS.filter((forget) => forget <= MOST_FORGET).map((forget) => choiceAt(curve, forget))
  const halving = choices.filter(
    ({ bias, heldOutLoss, isWithinLimit }, i) =>
      isWithinLimit && heldOutLoss <= heldOutLossBefore - HALF && bias !== choices[i - 1]?.bias,
  )
  return halving.length > 0 ? halving : choices.slice(-1)
}

interface CalibrationSetup {
  datasets: readonly Dataset[]
  retained: readonly Dataset[]
  settings: { layers: readonly number[] }
}

/**
 * Measures biases for the gates of the new experts: from 0 down until the least of `forgets` accepts one, and one more
 * next to the limit of each. It only runs forward passes.
 */
export async function calibrate(
  model: Model,
  { datasets, retained, settings: { layers } }: CalibrationSetup,
  forgets: readonly number[],
  { onPoint, signal }: { onPoint?: (point: CalibrationPoint) => void; signal?: AbortSignal } = {},
): Promise<Pick<Calibration, 'heldOutLossBefore' | 'curve'>> {
  const taught = datasets.map((dataset) => ({ dataset, sequences: heldOutSample(dataset, TOKENS / datasets.length) }))
  const lossAt = (bias: number) => lossOf(model, taught, { newExpertBias: biasesOf(bias, layers), signal })
  const { loss: heldOutLossBefore } = await lossAt(-Infinity)
  const rises: Rise[] = []
  for (const dataset of retained) rises.push(await riseOf(model, dataset, layers, signal))
  const curve: CalibrationPoint[] = []
  const at = async (bias: number) => {
    const { loss: heldOutLoss, newExpertShare } = await lossAt(bias)
    const point: CalibrationPoint = { bias, heldOutLoss, newExpertShare, cost: 0, retained: [] }
    for (const [i, { name, allowance = 1 }] of retained.entries()) {
      const rise = await rises[i](bias)
      point.retained.push({ name, rise, allowance })
      point.cost = Math.max(point.cost, Math.expm1(rise) / allowance)
    }
    curve.push(point)
    curve.sort((a, b) => b.bias - a.bias)
    onPoint?.(point)
    return point.cost
  }
  for (let bias = 0; bias >= LAST_BIAS; bias -= STEP) if ((await at(bias)) <= Math.min(...forgets)) break
  for (const forget of forgets) {
    const first = curve.findIndex(({ cost }) => cost <= forget)
    if (first > 0) await at((curve[first].bias + curve[first - 1].bias) / 2)
  }
  return { heldOutLossBefore, curve }
}

/** Rise of a text's loss, in nats, that `forget` accepts. */
export function boundOf({ allowance = 1 }: Pick<Dataset, 'allowance'>, forget: number): number {
  return Math.log1p(forget * allowance)
}

/** Measures the rise of a text's loss, in nats, with new experts at a bias. */
type Rise = (bias: number) => Promise<number>

/** Measures a retained text with the original model, unless that wrote it. */
async function riseOf(model: Model, dataset: Dataset, layers: readonly number[], signal?: AbortSignal): Promise<Rise> {
  const at = (bias: number) => ({ newExpertBias: biasesOf(bias, layers), signal })
  if (dataset.isGenerated) return (bias) => divergenceOf(model, dataset, at(bias))
  const samples = [{ dataset, sequences: heldOutSample(dataset, RETAINED_TOKENS) }]
  const lossAt = async (bias: number) => (await lossOf(model, samples, at(bias))).loss
  const before = await lossAt(-Infinity)
  return async (bias) => (await lossAt(bias)) - before
}

/** KL divergence from the original model on passages that it wrote: the mean rise of their loss, with less noise. */
async function divergenceOf(
  model: Model,
  dataset: Dataset,
  options: { newExpertBias: readonly number[]; signal?: AbortSignal },
): Promise<number> {
  const { prompt = 0, heldOut } = dataset
  const near = prompt === 0 ? 0 : NEAR_SHARE
  const longest = Math.max(...heldOut.map(({ length }) => length))
  const scored = { ...dataset, prompt: Math.max(prompt, Math.floor(near * longest)) }
  return (await lossOf(model, [{ dataset: scored, sequences: heldOut }], { ...options, fromOriginal: true })).loss
}
