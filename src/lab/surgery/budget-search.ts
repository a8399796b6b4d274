import type { Model } from '../../api/model.js'
import { type Random, seededRandom } from '../../engine/sampling/random.js'
import type { WindowReading } from '../../insight/texts/reading.js'
import type { MixtureKind, ModelConfig, PerMixture } from '../../model/config/config.js'
import type { GateSoftmax } from '../../model/config/expert-mask.js'
import { dependsOnUnchosen } from '../../model/config/routing.js'
import { MeasureJournal } from '../ablation/journal.js'
import { WholePredictions } from './acceptance.js'
import { type ExpertScores, readUsage, scoresOf, USAGE_SCORES, type UsageScore } from './saliency.js'
import { countsOf, firstOf, maskOf, rankExperts, type Selection, selectExperts } from './selection.js'

export interface SearchOptions {
  /** Share of the experts to keep. */
  keep: number
  only?: MixtureKind
  /** Softmax of the gates. Default: the better one at the start. */
  gates?: GateSoftmax
  /** Milliseconds after which no other choice is measured. */
  ms: number
  /** File of the measures so far. A later search with the same model, texts and options resumes from it. */
  journal?: string
  /** Called after each measure, with their number. */
  onMeasure?: (best: SearchResult, measured: number) => void
  signal?: AbortSignal
}

/** Numbers of experts that the layers keep, and the score that ranks the experts within each layer. */
interface Candidate {
  order: UsageScore
  gates: GateSoftmax
  counts: PerMixture<number[]>
}

export interface SearchResult extends Candidate {
  selection: Selection
  /** Expected acceptance on the calibration texts. */
  acceptance: number
}

/** Tokens that a choice is measured on: few, since more choices in the same time find more. */
const MOST_TOKENS = 1024
/** Proposals in a row that are known already, after which the neighbours of the best choice count as tried. */
const KNOWN_IN_A_ROW = 500

/**
 * Searches numbers of experts for each layer that keep the expected acceptance high. It begins with the choices of all
 * scores of usage, for each layer alone and for all together. The best of these ranks the experts. Then some pass from
 * one layer to another whenever the acceptance rises. Proposals follow from the measures alone, so a search with more time
 * continues a shorter one.
 */
export class BudgetSearch {
  private constructor(
    private readonly model: Model,
    private readonly predictions: WholePredictions,
    private readonly scores: Record<UsageScore, ExpertScores>,
  ) {}

  static async on(model: Model, texts: readonly (readonly number[])[], reading: WindowReading): Promise<BudgetSearch> {
    const usage = await readUsage(model, texts, USAGE_SCORES, reading)
    const scores = Object.fromEntries(USAGE_SCORES.map((by) => [by, scoresOf(usage, by)])) as BudgetSearch['scores']
    const predictions = await WholePredictions.read(model, texts, { most: MOST_TOKENS, signal: reading.signal })
    return new BudgetSearch(model, predictions, scores)
  }

  async run({ journal: path, onMeasure, signal, ...options }: SearchOptions): Promise<SearchResult> {
    const { model, predictions, scores } = this
    const { keep, only, ms } = options
    const about = [predictions.confidence, keep, only ?? null]
    const journal = path === undefined ? undefined : await MeasureJournal.open(path, model, predictions.parts, about)
    const ends = performance.now() + ms
    const known = new Set<string>()
    const measure = async (candidate: Candidate): Promise<SearchResult> => {
      const { order, gates, counts } = candidate
      const name = nameOf(candidate)
      const selection = firstOf(rankExperts(scores[order], model.config, order), model.config, counts)
      let means = journal?.numbersOf(name)
      if (!means) {
        const measured = await predictions.acceptance(maskOf(selection, model.config, gates), signal)
        await journal?.add(name, measured)
        means = measured
      }
      known.add(name)
      return { ...candidate, selection, acceptance: predictions.meanOf(means) }
    }
    try {
      const [first, ...others] = this.starts(options)
      let best = await measure(first)
      const take = (other: SearchResult) => {
        if (other.acceptance > best.acceptance) best = other
        onMeasure?.(best, known.size)
      }
      for (const start of others) if (performance.now() < ends) take(await measure(start))
      const random = seededRandom(0)
      for (let inARow = 0; inARow < KNOWN_IN_A_ROW && performance.now() < ends; inARow++) {
        const { order, gates } = best
        const next = { order, gates, counts: exchanged(best.counts, model.config, only, random) }
        if (known.has(nameOf(next))) continue
        take(await measure(next))
        inARow = 0
      }
      return best
    } finally {
      await journal?.close()
    }
  }

  /** Choices of the scores of usage. */
  private starts({ keep, only, gates }: Pick<SearchOptions, 'keep' | 'only' | 'gates'>): Candidate[] {
    const { config } = this.model
    const either: GateSoftmax[] = config.mixtures.some(dependsOnUnchosen) ? ['kept', 'all'] : ['kept']
    return USAGE_SCORES.flatMap((order) =>
      (['layer', 'model'] as const).flatMap((budget) => {
        const selection = selectExperts(this.scores[order], config, { by: order, budget, keep, only })
        return (gates ? [gates] : either).map((gates) => ({ order, gates, counts: countsOf(selection, config) }))
      }),
    )
  }
}

function nameOf({ order, gates, counts }: Candidate): string {
  return JSON.stringify([order, gates, counts])
}

/** Moves up to an eighth of a layer's experts to another layer. Counts stay as they are if these layers have no room. */
function exchanged(
  counts: Candidate['counts'],
  { mixtures }: ModelConfig,
  only: MixtureKind | undefined,
  random: Random,
): Candidate['counts'] {
  const below = (count: number) => Math.floor(random.nextFloat() * count)
  const open = mixtures.filter(({ kind }) => kind === (only ?? kind))
  const { kind, experts, topK } = open[below(open.length)]
  const kept = [...(counts[kind] ?? [])]
  const layers = [...experts.keys()].filter((layer) => experts[layer] > 0)
  const [from, to] = [layers[below(layers.length)], layers[below(layers.length)]]
  const wanted = 1 + below(Math.max(1, Math.floor(experts[from] / 8)))
  const moved = Math.max(0, Math.min(wanted, kept[from] - topK, experts[to] - kept[to]))
  kept[from] -= moved
  kept[to] += moved
  return { ...counts, [kind]: kept }
}
