import { basename, dirname, resolve } from 'node:path'
import type { PartFormats, Quant } from '../format/formats.js'
import { type Part, type Piece, planLayout } from '../format/layout.js'
import { packedFileName } from '../format/packed-folder.js'
import type { PackedMetadata } from '../format/packed-metadata.js'
import { type Calibration, checkTakesInputs, takesAnyInputs, type WithCalibration } from './calibrate.js'
import { checkTensors } from './check-tensors.js'
import { nonFiniteWeights, unfitLicences, unknownTensors } from './checkpoint-warnings.js'
import { asOnlyWriter } from './only-writer.js'
import { type NonFinite, type PackMatrix, packParts } from './pack.js'
import type { PackSource } from './pack-source.js'
import { createPackedFile } from './packed-file-writer.js'
import { type StagedModel, stageModel } from './staged-model.js'

/** Progress of a conversion, reported after each part and each stretch of a large one. */
export interface ConvertProgress {
  /** The part that was just written, or whose stretch was. */
  part: string
  partsDone: number
  parts: number
  /** Bytes of packed weights that are written. With a calibration, the weights are written twice. */
  bytesDone: number
  bytes: number
}

export interface PackOptions {
  pack: PackMatrix
  /** Source that the packed file names. Default: the last part of the source's own name. */
  source?: string
  /** Commit of that source. */
  revision?: string
  formatsOf?: (source: PackSource) => PartFormats
  /** Reads a text with the packed weights. They are then packed again, for their inputs in it. Default: packed once. */
  withCalibration?: WithCalibration
  onProgress?: (progress: ConvertProgress) => void
  /** Aborting it rejects with its reason and leaves nothing behind. */
  signal?: AbortSignal
}

export interface Conversion {
  path: string
  bytes: number
  quant: Quant
  /** Warnings for the user, one line each: weights that are not finite, tensors that were left out. */
  warnings: string[]
}

/**
 * Packs a source into its own folder: `model-<quant>.molm.safetensors`, config.json and the tokenizer's files. No
 * file gets its final name there before all are complete. Closes the source. Rejects with a UserError if the source is
 * incomplete, or if `outDir` holds other files or cannot be written.
 */
export async function convertSource(
  open: () => Promise<PackSource>,
  outDir: string,
  options: PackOptions,
): Promise<Conversion> {
  return asOnlyWriter(outDir, async () => {
    const source = await open()
    try {
      const formats = options.formatsOf?.(source) ?? source.formats
      return await convertAlone({ ...source, formats }, outDir, options)
    } finally {
      await source.close()
    }
  })
}

async function convertAlone(source: PackSource, outDir: string, options: PackOptions): Promise<Conversion> {
  const { blueprint, tensors, formats, name, companions, quant } = source
  const unknown = checkTensors(blueprint, tensors, name, formats)
  const model = await stageModel(companions, outDir, quant)
  try {
    const { bytes, warnings } = await packAll(source, model, options)
    await model.publish()
    const about = [
      ...(source.warnings?.() ?? []),
      ...unknownTensors(unknown),
      ...unfitLicences(await companions.list()),
    ]
    return { path: resolve(outDir, packedFileName(quant)), bytes, quant, warnings: [...about, ...warnings] }
  } catch (error) {
    await model.discard()
    throw error
  }
}

/** Writes the packed file, and replaces it by a calibrated one if that is wanted. */
async function packAll(source: PackSource, model: StagedModel, options: PackOptions): Promise<Packed> {
  const { withCalibration, onProgress } = options
  if (!withCalibration) return packSource(source, model, options)
  // Formats of single matrices may leave nothing to round.
  if (options.formatsOf && !takesAnyInputs(source)) return packSource(source, model, options)
  checkTakesInputs(source)
  const inRound = (round: number) => ({
    ...options,
    onProgress: ({ part, partsDone, parts, bytesDone, bytes }: ConvertProgress) =>
      onProgress?.({
        part,
        partsDone: round * parts + partsDone,
        parts: 2 * parts,
        bytesDone: round * bytes + bytesDone,
        bytes: 2 * bytes,
      }),
  })
  await packSource(source, model, inRound(0))
  return withCalibration(dirname(model.weights), (calibration) => packSource(source, model, inRound(1), calibration))
}

interface Packed {
  bytes: number
  warnings: string[]
}

/** Writes one packed file. Removes it if an error occurs. */
async function packSource(
  { blueprint, tensors, formats, quant, name }: PackSource,
  { weights, files }: StagedModel,
  { pack, source = basename(resolve(name)), revision, onProgress, signal }: PackOptions,
  calibration?: Calibration,
): Promise<Packed> {
  const layout = planLayout(blueprint, formats)
  const metadata: PackedMetadata = { quant, formats, source, sourceRevision: revision, files }
  if (calibration) metadata.calibration = calibration.record
  const file = await createPackedFile(weights, layout, metadata)
  const nonFinite: NonFinite[] = []
  let partsDone = 0
  let bytesDone = 0
  try {
    const inputsOf = calibration && ((part: Part, piece: Piece) => calibration.inputsOf(part, piece))
    for await (const packed of packParts(layout, tensors, pack, { signal, inStretches: true, inputsOf })) {
      await file.write(packed.part, packed.bytes, packed.offset)
      nonFinite.push(...packed.nonFinite)
      if (packed.isLast) partsDone++
      bytesDone += packed.bytes.length
      onProgress?.({ part: packed.part.name, partsDone, parts: layout.parts.length, bytesDone, bytes: layout.bytes })
    }
    if (calibration) metadata.calibration = await calibration.finish()
    await file.finish()
  } catch (error) {
    await file.abort()
    throw error
  }
  return { bytes: file.bytes, warnings: nonFiniteWeights(nonFinite) }
}
