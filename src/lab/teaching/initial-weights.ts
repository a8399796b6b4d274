import type { Model } from '../../api/model.js'
import type { TrainingPlan } from '../../api/training.js'
import { type Random, seededRandom } from '../../engine/sampling/random.js'
import type { TrainedTensor } from '../../engine/training/plan.js'
import { trainedTensors } from '../../engine/training/plan.js'
import { readWindows } from '../../insight/texts/reading.js'
import { ExpertUsage } from '../../insight/usage/usage.js'
import { layoutOf } from '../../model/families/index.js'
import type { Settings } from './teach-options.js'

/** Sequences that show which experts a text uses most. */
const SAMPLE = 16
/** Spread of the noise on a copy, as a share of its weights' own spread; it makes copies of one expert differ. */
const NOISE = 0.02
/** Share of the copied expert's router row that a new expert begins with. */
const ROW_SHARE = 0.5
/** Share of the usual spread for outputs of a random expert, which should change little at first. */
const QUIET = 0.1

export function tensorsOf({ config, info }: Model, plan: TrainingPlan): { tensors: TrainedTensor[]; floats: number } {
  return trainedTensors(layoutOf(config, info.formats), plan)
}

/**
 * Makes the initial weights of new experts, in the order of the plan's tensors. Each begins from one of the experts
 * that the text uses most, the first from the most used. Half of a router row gives half the logits: a new expert is
 * seldom chosen, and the model is nearly, not exactly, the original one.
 */
export async function createInitialWeights(
  model: Model,
  plan: TrainingPlan,
  settings: Settings,
  sequences: readonly Int32Array[],
  signal?: AbortSignal,
): Promise<Float32Array> {
  const { kind, init, seed, experts } = settings
  const { tensors, floats } = tensorsOf(model, plan)
  const weights = new Float32Array(floats)
  const random = seededRandom(seed)
  const usage = new ExpertUsage(model.config)
  const reading = { window: settings.window, routes: true, signal } as const
  await readWindows(model, sequences.slice(0, SAMPLE), reading, ({ routes = [] }, tokens) => usage.add(routes, tokens))
  for (const layer of settings.layers) {
    const { gateMass } = usage.of(kind, layer)
    const ranked = [...gateMass.keys()].sort((a, b) => gateMass[b] - gateMass[a] || a - b)
    const own = ranked.length
    for (let number = 0; number < experts; number++) {
      const source = await model.training.expert(layer, kind, ranked[number % own])
      const mine = tensors.filter((tensor) => tensor.layer === layer && tensor.expert === own + number)
      let at = 0
      for (const { piece, rows, cols, offset } of mine) {
        const from = source.subarray(at, at + rows * cols)
        const to = weights.subarray(offset, offset + rows * cols)
        at += rows * cols
        if (piece === 'router') blend(from, to, ROW_SHARE, NOISE, random)
        else if (init === 'copy') blend(from, to, 1, NOISE, random)
        else blend(from, to, 0, piece === 'output' ? QUIET : 1, random)
      }
    }
  }
  return weights
}

/** Sets to = share * from + noise, whose spread is a share of from's own. */
function blend(from: Float32Array, to: Float32Array, share: number, noise: number, random: Random): void {
  const spread = Math.sqrt(from.reduce((sum, x) => sum + x * x, 0) / from.length)
  for (let i = 0; i < from.length; i++) to[i] = share * from[i] + noise * spread * gaussian(random)
}

function gaussian(random: Random): number {
  const radius = Math.sqrt(-2 * Math.log(1 - random.nextFloat()))
  return radius * Math.cos(2 * Math.PI * random.nextFloat())
}
