import type { PromptProgress } from '../../api/generation.js'
import type { Model } from '../../api/model.js'
import type { LayerRoutes } from '../../api/routes.js'
import { sixDigits } from '../../ground/numbers.js'
import { useSession } from '../../insight/texts/reading.js'
import { type ExpertPlace, everyExpert } from '../../insight/usage/awake.js'
import { type Reader, readerOf } from '../../insight/usage/text-routes.js'
import { ExpertUsage } from '../../insight/usage/usage.js'
import { type PerMixture, perMixture } from '../../model/config/config.js'
import { type Difference, Differences, falseDiscoveryBound } from './paired-test.js'
import type { ContrastPairs } from './pairs.js'

/** Share of the experts that the first half may find by chance. */
const FALSE_DISCOVERIES = 0.05
/** Largest p of the second half that confirms an expert. */
const CONFIRMED = 0.05

/** An expert, and how it differs between the two texts. */
export interface ContrastedExpert extends ExpertPlace {
  /** Share of the tokens of a and of b that choose it, in all pairs. */
  rates: readonly [a: number, b: number]
  /** Difference of the rates, a less b, in the second half: the first one has chosen the expert, and exaggerates. */
  rate: Difference
  /** Difference of the mean gate of a token in the second half; an expert that is not chosen has a gate of 0. */
  gate: Difference
  /** Whether the first half finds a difference, corrected for the number of experts. */
  isFound: boolean
  /** Whether the second half finds the same one. */
  isConfirmed: boolean
}

/** Experts that wake for one of two kinds of text and not for the other. */
export interface Contrast {
  model: Reader
  names: readonly [a: string, b: string]
  pairs: number
  tokens: readonly [a: number, b: number]
  experts: ContrastedExpert[]
  /** Mean spread of the router's logits, by mixture and layer: the unit of steering. 0 for a layer without experts. */
  spreads: PerMixture<number[]>
}

export interface ContrastOptions {
  onPromptProgress?: (progress: PromptProgress) => void
  signal?: AbortSignal
}

/**
 * Reads pairs of texts and compares how often each expert wakes. Every second pair belongs to a second half, which must
 * confirm what the first one finds.
 */
export async function contrastExperts(
  model: Model,
  { names, pairs }: ContrastPairs,
  { onPromptProgress, signal }: ContrastOptions = {},
): Promise<Contrast> {
  const { config } = model
  const usages = [new ExpertUsage(config), new ExpertUsage(config)] as const
  const places = everyExpert(usages[0])
  const halves = [0, 1].map(() => ({
    rates: places.map(() => new Differences()),
    gates: places.map(() => new Differences()),
  }))
  const spreads = new Spreads(config)
  const total = pairs.reduce((sum, { a, b }) => sum + a.length + b.length, 0)
  const started = performance.now()
  let processed = 0
  for (const [i, { a, b }] of pairs.entries()) {
    const [ofA, ofB] = [a, b].map(() => new ExpertUsage(config))
    for (const [side, tokens] of [a, b].entries()) {
      const { routes } = await useSession(model, (session) =>
        session.forward(tokens, { logits: 'none', routes: true, probabilities: true, signal }),
      )
      for (const usage of [usages[side], side === 0 ? ofA : ofB]) usage.add(routes, tokens.length)
      spreads.add(routes)
      processed += tokens.length
      onPromptProgress?.({ processed, total, timeMs: performance.now() - started })
    }
    const half = halves[i % 2]
    for (const [at, place] of places.entries()) {
      const mean = (usage: ExpertUsage, of: 'counts' | 'gateMass') =>
        usage.of(place.kind, place.layer)[of][place.expert] / usage.tokens
      half.rates[at].add(mean(ofA, 'counts') - mean(ofB, 'counts'))
      half.gates[at].add(mean(ofA, 'gateMass') - mean(ofB, 'gateMass'))
    }
  }
  const [first, second] = halves
  const bound = falseDiscoveryBound(
    first.rates.map(({ p }) => p),
    FALSE_DISCOVERIES,
  )
  const experts = places.map((place, at): ContrastedExpert => {
    const { kind, layer, expert } = place
    const isFound = first.rates[at].p <= bound
    const rate = second.rates[at].difference
    const isSame = Math.sign(rate.mean) === Math.sign(first.rates[at].difference.mean)
    const [a, b] = usages.map((usage) => usage.of(kind, layer).counts[expert] / usage.tokens)
    return {
      ...place,
      rates: [a, b],
      rate,
      gate: second.gates[at].difference,
      isFound,
      isConfirmed: isFound && isSame && second.rates[at].p <= CONFIRMED,
    }
  })
  const [a, b] = usages.map(({ tokens }) => tokens)
  return { model: readerOf(model), names, pairs: pairs.length, tokens: [a, b], experts, spreads: spreads.means }
}

/** Spread of the routers' logits, as steering takes it: the standard deviation over a token's experts. */
class Spreads {
  private readonly sums: PerMixture<{ sum: number; tokens: number }[]>

  constructor(private readonly config: Model['config']) {
    this.sums = perMixture(config.mixtures, ({ experts }) => experts.map(() => ({ sum: 0, tokens: 0 })))
  }

  add(routes: readonly LayerRoutes[]): void {
    for (const { kind, experts, routing } of this.config.mixtures) {
      const logitOf = routing?.score === 'sigmoid' ? (s: number) => Math.log(s / (1 - s)) : Math.log
      for (const [layer, of] of (this.sums[kind] ?? []).entries()) {
        const scores = routes[layer][kind]?.probabilities ?? new Float32Array()
        for (let at = 0; at < scores.length; at += experts[layer]) {
          of.sum += deviation(Array.from(scores.subarray(at, at + experts[layer]), logitOf))
          of.tokens++
        }
      }
    }
  }

  get means(): PerMixture<number[]> {
    return perMixture(this.config.mixtures, ({ kind }) =>
      this.sums[kind]?.map(({ sum, tokens }) => (tokens === 0 ? 0 : sixDigits(sum / tokens))),
    )
  }
}

function deviation(values: readonly number[]): number {
  const finite = values.filter(Number.isFinite)
  const mean = finite.reduce((sum, value) => sum + value, 0) / finite.length
  return Math.sqrt(finite.reduce((sum, value) => sum + (value - mean) ** 2, 0) / finite.length)
}
