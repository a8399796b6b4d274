import os from 'node:os'
import { join, resolve } from 'node:path'
import type { Model } from '../api/model.js'
import { UsageError } from '../errors.js'
import { evaluateText } from '../evaluation/evaluate-text.js'
import type { NamedText } from '../evaluation/text-file.js'
import { convertModel } from '../library/convert-model.js'
import { loadModel } from '../library/load-model.js'
import type { Quant, WeightFormat } from '../packing/format/formats.js'
import type { PackSource } from '../packing/write/pack-source.js'
import { calibrationTokens, splitTexts } from '../surgery/held-out.js'
import { inPackingFolder } from '../surgery/packing-folder.js'
import { checkBits } from './bit-budget.js'
import { type ExpertFormats, expertFormats } from './expert-formats.js'
import { type ExpertImportance, measureImportance } from './expert-importance.js'

export interface BitsOptions {
  /** Texts like those that the model will meet. The last quarter of each is held out to measure the loss. */
  calibrate: readonly NamedText[]
  /** Packing of the weights that belong to no expert. Default q4. */
  quant?: Exclude<Quant, 'f32'>
  threads?: number
  /** Called with the name of each step, again as its share grows. */
  onProgress?: (step: string) => void
  signal?: AbortSignal
}

/** How much worse than in q8 a packing predicts the held-out text. */
export interface BitsLoss {
  /** Mean KL(q8 || packing) of the predictions, in nats. */
  klDivergence: number
  perplexity: number
}

export interface AtBits {
  /** The packed file. */
  path: string
  /** Bytes of packed weights. */
  bytes: number
  /** Mean bits of the experts' weights. */
  bits: number
  /** Number of experts of each format. */
  mix: Partial<Record<WeightFormat, number>>
  loss: BitsLoss
  warnings: string[]
}

/** One point of a curve: a packing that was measured and removed. */
export type BitsPoint = Omit<AtBits, 'path' | 'warnings'> & {
  /** Divergence that the plan foretells, as a factor of that in q4. */
  predicted: number
}

/** Bits of a curve's points, if none are given. */
export const CURVE_BITS: readonly number[] = [2.5, 3, 3.5, 4, 4.5, 5, 6, 8.5]

/**
 * Packs a checkpoint with a format for each expert, chosen by its importance for the calibration texts, so that the
 * experts' weights have `bits` bits on average. Rejects with a UserError if the texts are too short, or if the experts
 * take no such formats.
 */
export async function convertAtBits(name: string, out: string, bits: number, options: BitsOptions): Promise<AtBits> {
  checkOptions([bits], options)
  const measured = await importanceFor(name, options)
  const packed = await packAtBits(name, out, bits, measured, options)
  options.onProgress?.('measuring')
  const [loss] = await lossesOf(name, [packed.path], options)
  return { ...packed, loss }
}

/** Measures packings of several bits, and keeps none: each is written to the folder for temporary files and removed. */
export async function bitsCurve(name: string, bits: readonly number[], options: BitsOptions): Promise<BitsPoint[]> {
  checkOptions(bits, options)
  const importance = await importanceFor(name, options)
  const points: BitsPoint[] = []
  for (const each of bits) {
    await inPackingFolder(join(os.tmpdir(), 'model'), async (folder) => {
      const { path, warnings, predicted, ...packed } = await packAtBits(name, folder, each, importance, options)
      options.onProgress?.(`measuring ${each} bits`)
      const [loss] = await lossesOf(name, [path], options)
      points.push({ ...packed, predicted, loss })
    })
  }
  return points
}

async function importanceFor(name: string, options: BitsOptions): Promise<ExpertImportance> {
  const { calibrate, quant = 'q4', threads, onProgress, signal } = options
  onProgress?.('loading')
  return use(await loadModel(name, { quant, threads, signal }), async (model) => {
    const tokens = await calibrationTokens(model, splitTexts(calibrate).calibration, signal)
    const show = (share: number) => onProgress?.(`calibrating ${Math.floor(100 * share)} %`)
    return measureImportance(model, tokens, { window: model.config.trainedContext || 1024, onProgress: show, signal })
  })
}

async function packAtBits(
  name: string,
  out: string,
  bits: number,
  importance: ExpertImportance,
  { calibrate, quant = 'q4', threads, onProgress, signal }: BitsOptions,
): Promise<Omit<AtBits, 'loss'> & { predicted: number }> {
  let chosen: ExpertFormats | undefined
  let usual: ExpertFormats | undefined
  const formatsOf = ({ blueprint, formats }: PackSource) => {
    usual = expertFormats(blueprint, formats, importance, 4.5)
    chosen = expertFormats(blueprint, formats, importance, bits)
    return chosen.formats
  }
  const { path, bytes, warnings } = await convertModel(name, out, {
    quant,
    threads,
    formatsOf,
    calibrate: splitTexts(calibrate).calibration,
    onProgress: ({ bytesDone, bytes: all }) =>
      onProgress?.(`packing ${bits} bits ${Math.floor((100 * bytesDone) / all)} %`),
    signal,
  })
  if (!chosen || !usual) throw new Error('the packing asked for no formats')
  const { plan, mix } = chosen
  return { path: resolve(path), bytes, warnings, bits: plan.bits, mix, predicted: plan.error / usual.plan.error }
}

/** Compares packed files with the model in q8, on the held-out texts. */
async function lossesOf(
  name: string,
  paths: readonly string[],
  { calibrate, threads, signal }: BitsOptions,
): Promise<BitsLoss[]> {
  const { heldOut } = splitTexts(calibrate)
  return use(await loadModel(name, { quant: 'q8', threads, signal }), async (against) => {
    const losses: BitsLoss[] = []
    for (const path of paths) {
      losses.push(
        await use(await loadModel(path, { threads, signal }), async (model) => {
          const sums = { divergence: 0, nll: 0, scored: 0 }
          for (const text of heldOut) {
            if ((await model.tokenizer.encodeAsync(text.text, { addSpecialTokens: false, signal })).length < 2) continue
            const { nll, scored, against: agreement } = await evaluateText(model, text, { against, signal })
            sums.divergence += (agreement?.klDivergence ?? 0) * scored
            sums.nll += nll
            sums.scored += scored
          }
          return { klDivergence: sums.divergence / sums.scored, perplexity: Math.exp(sums.nll / sums.scored) }
        }),
      )
    }
    return losses
  })
}

function checkOptions(bits: readonly number[], { calibrate, quant }: BitsOptions): void {
  for (const each of bits) checkBits(each)
  if (calibrate.length === 0) throw new UsageError('`bits` needs a calibration text')
  if ((quant as Quant | undefined) === 'f32') throw new UsageError('`bits` needs `quant` q4 or q8, not f32')
}

async function use<T>(model: Model, work: (model: Model) => Promise<T>): Promise<T> {
  try {
    return await work(model)
  } finally {
    await model.dispose()
  }
}
