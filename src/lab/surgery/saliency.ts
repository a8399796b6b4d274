import type { Model } from '../../api/model.js'
import { readWindows, type WindowReading } from '../../insight/texts/reading.js'
import { ExpertUsage, type LayerUsage } from '../../insight/usage/usage.js'
import { type MixtureKind, type PerMixture, perMixture } from '../../model/config/config.js'
import { ablateTokens } from '../ablation/ablate.js'

export const SCORES = ['reap', 'frequency', 'gate', 'emo', 'ablation'] as const
export type Score = (typeof SCORES)[number]
/** Scores of an expert's usage, which one reading of the texts gives. */
export type UsageScore = Exclude<Score, 'ablation'>
export const USAGE_SCORES: readonly UsageScore[] = ['reap', 'frequency', 'gate', 'emo']

/** Scores of all experts: for each kind and layer one per expert. */
export type ExpertScores = PerMixture<Float64Array[]>

/**
 * Scores each expert of a layer by its usage. `reap`: mean of gate times L2 norm of the output, over the tokens that chose the
 * expert (router-weighted expert activation pruning). `frequency`: number of those tokens. `gate`: sum of its gates.
 * `emo`: sum of the router's scores over all tokens, as the authors of EMO prune it.
 */
export function expertScores({ counts, gateMass, outputMass, scoreMass }: LayerUsage, by: UsageScore): Float64Array {
  switch (by) {
    case 'reap':
      return outputMass.map((mass, expert) => (counts[expert] === 0 ? 0 : mass / counts[expert]))
    case 'frequency':
      return counts
    case 'gate':
      return gateMass
    case 'emo':
      return scoreMass
  }
}

/** Maximum tokens of a call, which bounds the memory of the scores of all experts. */
const CHUNK = 1024

export function scoresOf({ mixtures }: ExpertUsage, by: UsageScore): ExpertScores {
  return perMixture(mixtures, ({ layers }) => layers.map((layer) => expertScores(layer, by)))
}

/** Reads texts (as ids) and counts what some scores need. */
export async function readUsage(
  model: Model,
  texts: readonly (readonly number[])[],
  scores: readonly UsageScore[],
  reading: WindowReading,
): Promise<ExpertUsage> {
  const usage = new ExpertUsage(model.config)
  const reports = { routes: true, outputNorms: scores.includes('reap'), probabilities: scores.includes('emo') } as const
  await readWindows(model, texts, { ...reading, ...reports, most: CHUNK }, ({ routes = [] }, tokens) =>
    usage.add(routes, tokens),
  )
  return usage
}

/**
 * Scores all experts on texts (as ids). `ablation` is the rise of the loss, in nats per token, when tokens use the next
 * best expert instead; it takes a run of the texts for each expert.
 */
export async function measureScores(
  model: Model,
  texts: readonly (readonly number[])[],
  { by, only, ...reading }: WindowReading & { by: Score; only?: MixtureKind },
): Promise<ExpertScores> {
  if (by !== 'ablation') return scoresOf(await readUsage(model, texts, [by], reading), by)
  const { onProgress, signal } = reading
  const { experts } = await ablateTokens(model, texts, {
    only,
    ways: ['around'],
    onProgress: ({ tokens, of }) => onProgress?.(tokens / of),
    signal,
  })
  const scores = perMixture(model.config.mixtures, ({ experts: counts }) => counts.map((n) => new Float64Array(n)))
  for (const { kind, layer, expert, worth } of experts) {
    const ofLayer = scores[kind]?.[layer]
    if (ofLayer) ofLayer[expert] = worth?.around?.nats ?? 0
  }
  return scores
}
