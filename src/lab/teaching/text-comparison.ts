import type { Model } from '../../api/model.js'
import { type ModelConfig, mixtureOf } from '../../model/config/config.js'
import type { BeforeAndAfter } from '../surgery/prune.js'
import type { Dataset } from './datasets.js'
import { boundOf } from './gate-bias.js'
import { type HeldOutLoss, measureHeldOut, type NewExperts } from './measure.js'
import type { RunSetup } from './training-run.js'

/** Loss on a text's held-out part, or on a sample of a long one, before and after. */
export interface TextComparison {
  name: string
  scored: number
  /** Mean cross-entropy in nats. */
  loss: BeforeAndAfter
  perplexity: BeforeAndAfter
  /** Share of the choices in the taught layers that fell on new experts. */
  newExpertShare: number
}

export interface TextRegression {
  name: string
  /** Rise of its loss, and the accepted rise, in nats; the latter is 0 for new texts. */
  rise: number
  bound: number
}

export type Measurements = ReadonlyMap<Dataset, HeldOutLoss>

/** Measures a model on a run's held-out parts. `config` is the original model's; experts beyond it are new. */
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

export function compareTexts(
  datasets: readonly Dataset[],
  before: Measurements,
  after: Measurements,
): TextComparison[] {
  return datasets.map((dataset) => {
    const { name } = dataset
    const [own, taught] = [before.get(dataset), after.get(dataset)]
    if (!own || !taught) throw new RangeError(`${name} was not read`)
    const { scored, newExpertShare } = taught
    const loss = { before: own.loss, after: taught.loss }
    const perplexity = { before: Math.exp(loss.before), after: Math.exp(loss.after) }
    return { name, scored, loss, perplexity, newExpertShare }
  })
}

/**
 * Finds new texts that the taught model predicts worse than before, and retained texts beyond their bounds.
 * Continuations are not compared: only their second half has a bound.
 */
export function findRegressions(
  { retained }: Pick<RunSetup, 'retained'>,
  forget: number,
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
      const bound = boundOf(retained[i], forget)
      return rising(text, bound, chanceOf(bound, text.scored))
    }),
  ]
}

/**
 * Sampling error of a loss whose expected rise is the divergence: two standard deviations of the mean of `scored`
 * differences. Their variance is twice the divergence if the models differ little.
 */
function chanceOf(divergence: number, scored: number): number {
  return 2 * Math.sqrt((2 * divergence) / scored)
}
