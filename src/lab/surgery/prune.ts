import { resolve } from 'node:path'
import type { Model } from '../../api/model.js'
import { UsageError } from '../../ground/errors.js'
import { loadModel } from '../../library/load-model.js'
import { type MixtureKind, type PerMixture, perMixture } from '../../model/config/config.js'
import type { GateSoftmax } from '../../model/config/expert-mask.js'
import { dependsOnUnchosen } from '../../model/config/routing.js'
import type { Quant } from '../../model/packing/format/formats.js'
import { packedFileName } from '../../model/packing/format/packed-folder.js'
import { useModel } from '../evaluation/reading.js'
import type { NamedText } from '../evaluation/text-file.js'
import { decodeSpeed } from './decode-speed.js'
import { calibrationTokens, perplexityOf, splitTexts } from './held-out.js'
import { withPackedModel } from './packed-model.js'
import { measureScores, type Score } from './saliency.js'
import { checkKind, maskOf, type Selection, selectExperts } from './selection.js'
import { writePruned } from './write-pruned.js'

export interface PruneOptions {
  /** Texts that the model should stay good at. The last quarter of each is held out to measure that. */
  calibrate: readonly NamedText[]
  /** Share of the experts to keep, above 0 and at most 1. */
  keep: number
  /** Score to judge experts by. Default reap. */
  by?: Score
  /** Kind of experts to prune. Default: all. */
  only?: MixtureKind
  /** Whether every layer keeps the share (default), or all layers together. */
  budget?: 'layer' | 'model'
  /** Softmax of the gates. Default: the one that predicts the calibration text better, `kept` if both do equally. */
  gates?: GateSoftmax
  /** Format to pack a checkpoint in. Default q4. */
  quant?: Quant
  threads?: number
  /** Called at the beginning of each step, with its name. */
  onProgress?: (step: string) => void
  signal?: AbortSignal
}

/** A measure of the model as it was, and of the changed one. */
export interface BeforeAndAfter {
  before: number
  after: number
}

export interface Pruned {
  path: string
  gates: GateSoftmax
  /** Ids, in the original model, of the experts that were kept. */
  selection: Selection
  bytes: BeforeAndAfter
  /** On the held-out text. */
  perplexity: BeforeAndAfter
  decodeTokensPerSecond: BeforeAndAfter
}

/**
 * Writes a smaller packed model without the experts that matter least for the calibration texts, and `selection.json`
 * beside it. The kept experts are copied bit for bit. Rejects with a UserError if the texts are too short, or if a
 * layer would keep fewer experts than a token uses.
 */
export async function pruneModel(name: string, outDir: string, options: PruneOptions): Promise<Pruned> {
  checkOptions(options)
  const { by = 'reap', budget = 'layer', keep, only, threads, onProgress, signal } = options
  const texts = splitTexts(options.calibrate)
  return withPackedModel(name, outDir, options, async (packed, found) => {
    checkKind(packed.config, only)
    const load = (path: string) => loadModel(path, { threads, signal })
    const first = await useModel(await load(found.path), async (model) => {
      const tokens = await calibrationTokens(model, texts.calibration, signal)
      onProgress?.('calibrating')
      const scores = await measureScores(model, tokens, calibration(model, options))
      const selection = selectExperts(scores, model.config, { by, budget, keep, only })
      onProgress?.('measuring the original model')
      const perplexity = await perplexityOf(model, texts.heldOut, signal)
      const speed = await decodeSpeed(model, tokens[0], signal)
      const gates = options.gates ?? (await betterGates(model, selection, texts.calibration, signal))
      return { selection, perplexity, speed, gates, tokens, bytes: model.info.bytes }
    })
    const { selection, gates } = first
    onProgress?.('writing')
    const account = { model: found.name, keep, by, only: only ?? null, budget, gates, ...selection }
    await writePruned(packed, outDir, { selection, gates, account, signal })
    const path = resolve(outDir, packedFileName(found.quant))
    onProgress?.('measuring the smaller model')
    return useModel(await load(path), async (model) => ({
      path,
      gates,
      selection,
      bytes: { before: first.bytes, after: model.info.bytes },
      perplexity: { before: first.perplexity, after: await perplexityOf(model, texts.heldOut, signal) },
      decodeTokensPerSecond: { before: first.speed, after: await decodeSpeed(model, first.tokens[0], signal) },
    }))
  })
}

/** The number of experts that each mixture and layer keeps, and the perplexity with either softmax. */
export interface PruningPoint extends PerMixture<number[]> {
  keep: number
  /** On the held-out text. */
  perplexity: Record<GateSoftmax, number>
}

/** Measures several shares without writing a model. Rejects as `pruneModel` does. */
export async function pruneCurve(
  name: string,
  shares: (model: Model) => number[],
  options: Omit<PruneOptions, 'keep' | 'gates'>,
): Promise<PruningPoint[]> {
  const { by = 'reap', budget = 'layer', only, quant, threads, onProgress, signal } = options
  checkOptions({ ...options, keep: 1 })
  const texts = splitTexts(options.calibrate)
  return useModel(await loadModel(name, { quant, threads, signal }), async (model) => {
    checkKind(model.config, only)
    onProgress?.('calibrating')
    const tokens = await calibrationTokens(model, texts.calibration, signal)
    const scores = await measureScores(model, tokens, calibration(model, options))
    const points: PruningPoint[] = []
    for (const keep of shares(model)) {
      onProgress?.(`measuring ${(100 * keep).toFixed(1)} %`)
      const selection = selectExperts(scores, model.config, { by, budget, keep, only })
      const perplexity = await masked(model, selection, texts.heldOut, signal)
      const counts = perMixture(model.config.mixtures, ({ kind }) => selection[kind]?.map(({ length }) => length) ?? [])
      points.push({ keep, ...counts, perplexity })
    }
    return points
  })
}

/** Chooses the softmax that predicts the calibration text better; `kept` if both are equal. */
async function betterGates(
  model: Model,
  selection: Selection,
  texts: readonly NamedText[],
  signal?: AbortSignal,
): Promise<GateSoftmax> {
  if (!model.config.mixtures.some(dependsOnUnchosen)) return 'kept'
  const { kept, all } = await masked(model, selection, texts, signal)
  return kept <= all ? 'kept' : 'all'
}

/** Measures the perplexity of the model without the removed experts, with either softmax. */
async function masked(
  model: Model,
  selection: Selection,
  texts: readonly NamedText[],
  signal?: AbortSignal,
): Promise<Record<GateSoftmax, number>> {
  const measure = async (gates: GateSoftmax) => {
    await model.maskExperts(maskOf(selection, model.config, gates))
    return perplexityOf(model, texts, signal)
  }
  const kept = await measure('kept')
  const all = model.config.mixtures.some(dependsOnUnchosen) ? await measure('all') : kept
  await model.maskExperts()
  return { kept, all }
}

/** Options of the calibration. A quick one shows no progress. */
function calibration({ config }: Model, { by = 'reap', only, onProgress, signal }: Omit<PruneOptions, 'keep'>) {
  const show = (share: number) => onProgress?.(`calibrating ${Math.floor(100 * share)} %`)
  const window = config.trainedContext || 1024
  return { by, only, window, signal, ...(by === 'ablation' && { onProgress: show }) }
}

function checkOptions({ keep, calibrate }: PruneOptions): void {
  if (!(keep > 0 && keep <= 1)) throw new UsageError('`keep` must be a share above 0 and at most 1')
  if (calibrate.length === 0) throw new UsageError('pruning needs a calibration text')
}
