import { resolve } from 'node:path'
import type { Model } from '../../api/model.js'
import { UsageError } from '../../ground/errors.js'
import { option, phrase } from '../../ground/message.js'
import { loadModel } from '../../library/load-model.js'
import type { MixtureKind, PerMixture } from '../../model/config/config.js'
import type { ExpertMask, GateSoftmax } from '../../model/config/expert-mask.js'
import { dependsOnUnchosen } from '../../model/config/routing.js'
import type { Quant } from '../../model/packing/format/formats.js'
import { packedFileName } from '../../model/packing/format/packed-folder.js'
import { encodeTexts, useModel } from '../evaluation/reading.js'
import type { NamedText } from '../evaluation/text-file.js'
import { WholePredictions } from './acceptance.js'
import { BudgetSearch } from './budget-search.js'
import { decodeSpeed } from './decode-speed.js'
import { calibrationTokens, perplexityOf, splitTexts } from './held-out.js'
import { withPackedModel } from './packed-model.js'
import { measureScores, type Score } from './saliency.js'
import { checkKind, countsOf, maskOf, type Selection, selectExperts } from './selection.js'
import { writePruned } from './write-pruned.js'

export interface PruneOptions {
  /** Texts that the model should stay good at. The last quarter of each is held out to measure that. */
  calibrate: readonly NamedText[]
  /** Share of the experts to keep, above 0 and at most 1. */
  keep: number
  /**
   * Score to judge experts by, or `acceptance`: a search of the numbers of experts that the layers keep, by the expected
   * acceptance of the smaller model's predictions. Default reap.
   */
  by?: Score | 'acceptance'
  /** Kind of experts to prune. Default: all. */
  only?: MixtureKind
  /** Whether every layer keeps the share (default), or all layers together. Not with `acceptance`. */
  budget?: 'layer' | 'model'
  /** Milliseconds of the search, of each share. Only with `acceptance`. Default: 10 minutes. */
  searchMs?: number
  /** File of the search's measures so far: a later search of the same resumes from it. Default: none. */
  journal?: string
  /** Softmax of the gates. Default: the one that predicts the calibration text better, `kept` if both do equally; with `acceptance`, the one that is accepted more. */
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
  /** Expected acceptance on the held-out text: the share of drafts of the smaller model that the whole one would accept. */
  acceptance: number
  decodeTokensPerSecond: BeforeAndAfter
}

/**
 * Writes a smaller packed model without the experts that matter least for the calibration texts, and `selection.json`
 * beside it. The kept experts are copied bit for bit. Rejects with a UserError if the texts are too short, or if a
 * layer would keep fewer experts than a token uses.
 */
export async function pruneModel(name: string, outDir: string, options: PruneOptions): Promise<Pruned> {
  checkOptions(options)
  const { by = 'reap', keep, only, threads, onProgress, signal } = options
  const texts = splitTexts(options.calibrate)
  return withPackedModel(name, outDir, options, async (packed, found) => {
    checkKind(packed.config, only)
    const load = (path: string) => loadModel(path, { threads, signal })
    const first = await useModel(await load(found.path), async (model) => {
      const tokens = await calibrationTokens(model, texts.calibration, signal)
      const { selection, order, gates: searched } = await (await chooserOf(model, tokens, options))(keep)
      onProgress?.('measuring the original model')
      const perplexity = await perplexityOf(model, texts.heldOut, signal)
      const speed = await decodeSpeed(model, tokens[0], signal)
      const gates = options.gates ?? searched ?? (await betterGates(model, selection, texts.calibration, signal))
      const acceptance = await acceptanceOn(model, texts.heldOut, signal)
      const accepted = await acceptance(maskOf(selection, model.config, gates))
      return { selection, order, perplexity, acceptance: accepted, speed, gates, tokens, bytes: model.info.bytes }
    })
    const { selection, order, gates } = first
    onProgress?.('writing')
    const budgets = by === 'acceptance' ? { order } : { budget: options.budget ?? 'layer' }
    const account = { model: found.name, keep, by, only: only ?? null, ...budgets, gates, ...selection }
    await writePruned(packed, outDir, { selection, gates, account, signal })
    const path = resolve(outDir, packedFileName(found.quant))
    onProgress?.('measuring the smaller model')
    return useModel(await load(path), async (model) => ({
      path,
      gates,
      selection,
      bytes: { before: first.bytes, after: model.info.bytes },
      perplexity: { before: first.perplexity, after: await perplexityOf(model, texts.heldOut, signal) },
      acceptance: first.acceptance,
      decodeTokensPerSecond: { before: first.speed, after: await decodeSpeed(model, first.tokens[0], signal) },
    }))
  })
}

/** The number of experts that each mixture and layer keeps, and the perplexity with either softmax. */
export interface PruningPoint extends PerMixture<number[]> {
  keep: number
  /** On the held-out text. */
  perplexity: Record<GateSoftmax, number>
  /** Expected acceptance on the held-out text, with the softmax of the lower perplexity. */
  acceptance: number
}

/** Measures several shares without writing a model. Rejects as `pruneModel` does. */
export async function pruneCurve(
  name: string,
  shares: (model: Model) => number[],
  options: Omit<PruneOptions, 'keep' | 'gates' | 'journal'>,
): Promise<PruningPoint[]> {
  const { only, quant, threads, onProgress, signal } = options
  checkOptions({ ...options, keep: 1 })
  const texts = splitTexts(options.calibrate)
  return useModel(await loadModel(name, { quant, threads, signal }), async (model) => {
    checkKind(model.config, only)
    const tokens = await calibrationTokens(model, texts.calibration, signal)
    const choose = await chooserOf(model, tokens, options)
    const acceptance = await acceptanceOn(model, texts.heldOut, signal)
    const points: PruningPoint[] = []
    for (const keep of shares(model)) {
      const { selection } = await choose(keep)
      onProgress?.(`measuring ${(100 * keep).toFixed(1)} %`)
      const perplexity = await masked(model, selection, texts.heldOut, signal)
      const gates = perplexity.kept <= perplexity.all ? 'kept' : 'all'
      const accepted = await acceptance(maskOf(selection, model.config, gates))
      points.push({ keep, ...countsOf(selection, model.config), perplexity, acceptance: accepted })
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

/** A choice of the experts to keep. A search also gives the score that ranks them, and the gates. */
interface Choice {
  selection: Selection
  order?: Score
  gates?: GateSoftmax
}

const SEARCH_MS = 600_000

/** Reads the calibration texts, and returns the choice for a share. */
async function chooserOf(
  model: Model,
  tokens: number[][],
  options: Omit<PruneOptions, 'keep'>,
): Promise<(keep: number) => Promise<Choice>> {
  const { by = 'reap', budget = 'layer', searchMs: ms = SEARCH_MS, journal, only, onProgress, signal } = options
  const { config } = model
  const reading = { window: config.trainedContext || 1024, signal }
  onProgress?.('calibrating')
  if (by !== 'acceptance') {
    const show = (share: number) => onProgress?.(`calibrating ${Math.floor(100 * share)} %`)
    // A quick calibration shows no progress.
    const onShare = by === 'ablation' ? show : undefined
    const scores = await measureScores(model, tokens, { ...reading, by, only, onProgress: onShare })
    return async (keep) => ({ selection: selectExperts(scores, config, { by, budget, keep, only }) })
  }
  const search = await BudgetSearch.on(model, tokens, reading)
  return (keep) => {
    const onMeasure = ({ acceptance }: { acceptance: number }, measured: number) =>
      onProgress?.(`${(100 * keep).toFixed(1)} %, ${measured} choices: ${(100 * acceptance).toFixed(2)} % accepted`)
    return search.run({ keep, only, gates: options.gates, ms, journal, onMeasure, signal })
  }
}

/** Reads held-out texts, and returns the measure of their expected acceptance without the experts of a mask. */
async function acceptanceOn(
  model: Model,
  texts: readonly NamedText[],
  signal?: AbortSignal,
): Promise<(mask: ExpertMask) => Promise<number>> {
  const whole = await WholePredictions.read(model, await encodeTexts(model, texts, signal), { most: 4096, signal })
  return async (mask) => whole.meanOf(await whole.acceptance(mask, signal))
}

function checkOptions({ keep, calibrate, by, budget, searchMs, journal }: PruneOptions): void {
  const searches = by === 'acceptance'
  if (searches && budget) throw new UsageError('`acceptance` searches the budgets of the layers itself')
  if (!searches && (searchMs ?? journal) !== undefined) throw new UsageError('only `acceptance` has a search')
  if (!(keep > 0 && keep <= 1)) throw new UsageError(phrase`${option('keep')} must be a share above 0 and at most 1`)
  if (calibrate.length === 0) throw new UsageError('pruning needs a calibration text')
}
