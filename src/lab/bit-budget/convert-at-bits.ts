import os from 'node:os'
import { join, resolve } from 'node:path'
import { UsageError, UserError } from '../../ground/errors.js'
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
  /** Mean bits of the experts' weights. */
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
  checkOptions([bits], options)
  const packings = await packingsOf(name, options)
  const measured = await importanceFor(name, packings, options)
  const packed = await packAtBits(name, out, bits, { importance: measured, quant: packings.others }, options)
  options.onProgress?.('measuring')
  const loss = await lossOf(name, packed.path, packings, options)
  return { ...packed, loss }
}

/** Measures packings of several bits, and keeps none: each is written to the folder for temporary files and removed. */
export async function bitsCurve(name: string, bits: readonly number[], options: BitsOptions): Promise<BitsPoint[]> {
  checkOptions(bits, options)
  const packings = await packingsOf(name, options)
  const importance = await importanceFor(name, packings, options)
  const points: BitsPoint[] = []
  for (const each of bits) {
    await inPackingFolder(join(os.tmpdir(), 'model'), async (folder) => {
      const { path, warnings, predicted, ...packed } = await packAtBits(
        name,
        folder,
        each,
        { importance, quant: packings.others },
        options,
      )
      options.onProgress?.(`measuring ${each} bits`)
      const loss = await lossOf(name, path, packings, options)
      points.push({ ...packed, predicted, loss })
    })
  }
  return points
}

/** Packings of the other weights, and of the model that others are compared with. Undefined: a GGUF file as it is. */
interface Packings {
  others?: Quant
  exact?: Quant
}

/** Rejects with a UserError if the model is packed already. */
async function packingsOf(name: string, { quant }: BitsOptions): Promise<Packings> {
  const found = await resolveModel(name)
  if (found.kind === 'packed') {
    throw new UserError(`${name} is packed already, as ${found.quant}: \`bits\` needs the checkpoint or GGUF file`)
  }
  return found.kind === 'gguf' ? { others: quant } : { others: quant ?? 'q4', exact: 'q8' }
}

async function importanceFor(name: string, { others }: Packings, options: BitsOptions): Promise<ExpertImportance> {
  const { calibrate, threads, onProgress, signal } = options
  onProgress?.('loading')
  return useModel(await loadModel(name, { quant: others, threads, signal }), async (model) => {
    const tokens = await calibrationTokens(model, splitTexts(calibrate).calibration, signal)
    const show = (share: number) => onProgress?.(`calibrating ${Math.floor(100 * share)} %`)
    return measureImportance(model, tokens, { window: model.config.trainedContext || 1024, onProgress: show, signal })
  })
}

async function packAtBits(
  name: string,
  out: string,
  bits: number,
  { importance, quant }: { importance: ExpertImportance; quant?: Quant },
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

/** Compares a packed file with the model on the held-out texts. */
async function lossOf(
  name: string,
  path: string,
  { exact }: Packings,
  { calibrate, threads, signal }: BitsOptions,
): Promise<BitsLoss> {
  const { heldOut } = splitTexts(calibrate)
  return useModel(await loadModel(name, { quant: exact, threads, signal }), async (against) =>
    useModel(await loadModel(path, { threads, signal }), (model) => lossOn(model, heldOut, { against, signal })),
  )
}

function checkOptions(bits: readonly number[], { calibrate, quant }: BitsOptions): void {
  for (const each of bits) checkBits(each)
  if (calibrate.length === 0) throw new UsageError('`bits` needs a calibration text')
  if ((quant as Quant | undefined) === 'f32') throw new UsageError('`bits` needs `quant` q4 or q8, not f32')
}
