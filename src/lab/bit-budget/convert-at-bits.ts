import os from 'node:os'
import { join, resolve } from 'node:path'
import { UsageError, UserError } from '../../ground/errors.js'
import { option, phrase } from '../../ground/message.js'
import { convertModel } from '../../library/convert-model.js'
import { resolveModel } from '../../library/finding/resolve-model.js'
import { loadModel } from '../../library/load-model.js'
import type { Quant, WeightFormat } from '../../model/packing/format/formats.js'
import type { PackSource } from '../../model/packing/write/pack-source.js'
import { useModel } from '../evaluation/reading.js'
import type { NamedText } from '../evaluation/text-file.js'
import { calibrationTokens, lossOn, splitTexts } from '../surgery/held-out.js'
import { inPackingFolder } from '../surgery/packing-folder.js'
import { checkBits, type ExpertFormats, expertFormats } from './bit-budget.js'
import { type ExpertImportance, measureImportance } from './expert-importance.js'

export interface BitsOptions {
  /** Texts like the ones that the model will meet. The last quarter of each is held out to measure the loss. */
  calibrate: readonly NamedText[]
  /** Packing of the weights that belong to no expert. Default: q4, and for a GGUF file the formats that it has. */
  quant?: Exclude<Quant, 'f32'>
  threads?: number
  /** Called with the name of each step, again as its share grows. */
  onProgress?: (step: string) => void
  signal?: AbortSignal
}

/** How much worse a packing predicts the held-out text than q8, or than a GGUF file in the formats that it has. */
export interface BitsLoss {
  /** Mean KL(q8 || packing) of the predictions, in nats. */
  klDivergence: number
  perplexity: number
}

export interface AtBits {
  path: string
  bytes: number
  bits: number
  mix: Partial<Record<WeightFormat, number>>
  loss: BitsLoss
  warnings: string[]
}

/** One point of a curve: a packing that was measured and removed. */
export type BitsPoint = Omit<AtBits, 'path' | 'warnings'> & {
  /** Divergence that the plan foretells, as a factor of that in q4. */
  predicted: number
}

export const CURVE_BITS: readonly number[] = [2.5, 3, 3.5, 4, 4.5, 5, 6, 8.5]

/**
 * Packs a checkpoint with a format for each expert, chosen by its importance for the calibration texts, so that the
 * experts' weights have `bits` bits on average. Rejects with a UserError if the texts are too short, or if the experts
 * take no such formats.
 */
export async function convertAtBits(name: string, out: string, bits: number, options: BitsOptions): Promise<AtBits> {
  const weighed = await weigh(name, [bits], options)
  const packed = await packAtBits(name, out, bits, weighed, options)
  options.onProgress?.('measuring')
  return { ...packed, loss: await lossOf(name, packed.path, weighed, options) }
}

/** Measures packings of several bits, and keeps none: each is written to the folder for temporary files and removed. */
export async function bitsCurve(name: string, bits: readonly number[], options: BitsOptions): Promise<BitsPoint[]> {
  const weighed = await weigh(name, bits, options)
  const points: BitsPoint[] = []
  for (const each of bits) {
    await inPackingFolder(join(os.tmpdir(), 'model'), async (folder) => {
      const { path, warnings: _, ...packed } = await packAtBits(name, folder, each, weighed, options)
      options.onProgress?.(`measuring ${each} bits`)
      points.push({ ...packed, loss: await lossOf(name, path, weighed, options) })
    })
  }
  return points
}

/** A model whose experts have been weighed. */
interface Weighed {
  importance: ExpertImportance
  /** Packings of the other weights, and of the model to compare with. Undefined: a GGUF file as it is. */
  quant?: Quant
  exact?: Quant
}

/** Rejects with a UserError if the options are wrong or the model is packed already. */
async function weigh(name: string, bits: readonly number[], options: BitsOptions): Promise<Weighed> {
  const { calibrate, threads, onProgress, signal } = options
  for (const each of bits) checkBits(each)
  if (calibrate.length === 0) throw new UsageError(phrase`${option('bits')} needs a calibration text`)
  if ((options.quant as Quant | undefined) === 'f32')
    throw new UsageError(phrase`${option('bits')} needs ${option('quant')} q4 or q8, not f32`)
  const found = await resolveModel(name)
  if (found.kind === 'packed') {
    throw new UserError(
      phrase`${name} is packed already, as ${found.quant}: ${option('bits')} needs the checkpoint or GGUF file`,
    )
  }
  const isGguf = found.kind === 'gguf'
  const quant = options.quant ?? (isGguf ? undefined : 'q4')
  onProgress?.('loading')
  const importance = await useModel(await loadModel(name, { quant, threads, signal }), async (model) => {
    const tokens = await calibrationTokens(model, splitTexts(calibrate).calibration, signal)
    const show = (share: number) => onProgress?.(`calibrating ${Math.floor(100 * share)} %`)
    return measureImportance(model, tokens, { window: model.config.trainedContext || 1024, onProgress: show, signal })
  })
  return { importance, quant, ...(!isGguf && { exact: 'q8' as const }) }
}

async function packAtBits(
  name: string,
  out: string,
  bits: number,
  { importance, quant }: Weighed,
  { calibrate, threads, onProgress, signal }: BitsOptions,
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

async function lossOf(
  name: string,
  path: string,
  { exact }: Weighed,
  { calibrate, threads, signal }: BitsOptions,
): Promise<BitsLoss> {
  const { heldOut } = splitTexts(calibrate)
  return useModel(await loadModel(name, { quant: exact, threads, signal }), async (against) =>
    useModel(await loadModel(path, { threads, signal }), (model) => lossOn(model, heldOut, { against, signal })),
  )
}
