import type { Model } from '../api/model.js'
import { type ModelConfig, mixtureOf } from '../model/config.js'
import type { BeforeAndAfter } from '../surgery/prune.js'
import { boundOf } from './calibration.js'
import type { Dataset } from './datasets.js'
import { type HeldOutLoss, measureHeldOut, type NewExperts } from './measure.js'
import type { RunSetup } from './training-run.js'

/** How the held-out part of a text, or a sample of a long one, is predicted, before and after. */
export interface TextComparison {
  name: string
  /** Tokens that were predicted. */
  scored: number
  /** Mean cross-entropy in nats. */
  loss: BeforeAndAfter
  /** Its exponential. */
  perplexity: BeforeAndAfter
  /** Part of the choices in the taught layers that fell on new experts. */
  newExpertShare: number
}

/** A text that a taught model predicts worse than is accepted. */
export interface TextRegression {
  name: string
  /** The rise of its loss, and the rise that is accepted, in nats: 0 for a text that was taught. */
  rise: number
  bound: number
}

/** How a model predicts each lesson of a course. */
export type Measurements = ReadonlyMap<Dataset, HeldOutLoss>

/** Reads the held-out parts of a course; `config` is that of the model as it was: what it has not are new experts. */
export async function measureDatasets(
  model: Model,
  { datasets, retained, settings: { kind, layers } }: RunSetup,
  config: ModelConfig,
  signal?: AbortSignal,
): Promise<Measurements> {
  const own = mixtureOf(config, kind)?.experts ?? []
  const first = own.map((count, layer) => (layers.includes(layer) ? count : undefined))
  const newExperts: NewExperts = { kind, first }
  const samples = new Map<Dataset, HeldOutLoss>()
  for (const dataset of [...datasets, ...retained])
    samples.set(dataset, await measureHeldOut(model, dataset, newExperts, signal))
  return samples
}

/** What a teaching has made of some lessons that were read before and after it. */
export function compareTexts(
  datasets: readonly Dataset[],
  before: Measurements,
  after: Measurements,
): TextComparison[] {
  return datasets.map((dataset) => compareText(dataset, before.get(dataset), after.get(dataset)))
}

function compareText({ name }: Dataset, before?: HeldOutLoss, after?: HeldOutLoss): TextComparison {
  if (!before || !after) throw new RangeError(`${name} was not read`)
  const { scored, newExpertShare } = after
  const loss = { before: before.loss, after: after.loss }
  const perplexity = { before: Math.exp(loss.before), after: Math.exp(loss.after) }
  return { name, scored, loss, perplexity, newExpertShare }
}

/**
 * The texts that a taught model predicts worse than before, and those beyond their bounds of what was to be kept.
 * Continuations are left out: only their second half has a bound.
 */
export function findRegressions(
  { retained, settings }: RunSetup,
  texts: readonly TextComparison[],
  comparisons: readonly TextComparison[],
): TextRegression[] {
  const rising = (text: TextComparison, bound: number, chance = 0): TextRegression[] => {
    const rise = text.loss.after - text.loss.before
    return rise > bound + chance ? [{ name: text.name, rise, bound }] : []
  }
  return [
    ...texts.flatMap((text) => rising(text, 0)),
    ...comparisons.flatMap((text, i) => {
      if (retained[i].prompt) return []
      const bound = boundOf(retained[i], settings.forget)
      return rising(text, bound, chanceOf(bound, text.scored))
    }),
  ]
}

/**
 * How much more than a divergence the loss of one sample may well rise: two standard deviations of the mean of as many
 * differences, whose variance is twice the divergence if the models differ little.
 */
function chanceOf(divergence: number, scored: number): number {
  return 2 * Math.sqrt((2 * divergence) / scored)
}
