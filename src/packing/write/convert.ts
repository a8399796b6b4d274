import { basename, resolve } from 'node:path'
import { localFolder } from '../../checkpoint/local-folder.js'
import type { PartFormats, Quant } from '../format/formats.js'
import { planLayout } from '../format/layout.js'
import { packedFileName } from '../format/packed-folder.js'
import { checkTensors } from './check-tensors.js'
import { nonFiniteWeights, unfitLicences, unknownTensors } from './checkpoint-warnings.js'
import { asOnlyWriter } from './only-writer.js'
import { type NonFinite, type PackMatrix, packParts } from './pack.js'
import { openCheckpointSource, type PackSource, type ReadBlueprint } from './pack-source.js'
import { createPackedFile } from './packed-file-writer.js'
import { type StagedModel, stageModel } from './staged-model.js'

/** Progress of a conversion, reported after each part and each stretch of a large one. */
export interface ConvertProgress {
  /** The part that was just written, or whose stretch was. */
  part: string
  partsDone: number
  parts: number
  /** Bytes of packed weights that are written. */
  bytesDone: number
  bytes: number
}

export interface PackOptions {
  /** Packs rows of weights with the kernels. */
  pack: PackMatrix
  /** Source that the packed file names. Default: the last part of the source's own name. */
  source?: string
  /** Commit of that source. */
  revision?: string
  /** Chooses other formats than the source's own. */
  formatsOf?: (source: PackSource) => PartFormats
  onProgress?: (progress: ConvertProgress) => void
  /** Aborting it rejects with its reason and leaves nothing behind. */
  signal?: AbortSignal
}

export interface ConvertCheckpointOptions extends PackOptions {
  quant: Quant
  blueprint: ReadBlueprint
}

export interface Conversion {
  /** Path of the packed file. */
  path: string
  bytes: number
  quant: Quant
  /** Warnings for the user, one line each: weights that are not finite, tensors that were left out. */
  warnings: string[]
}

/** Packs a Hugging Face checkpoint folder, as `convertSource` does. */
export async function convertCheckpoint(
  checkpointDir: string,
  outDir: string,
  { quant, blueprint, ...options }: ConvertCheckpointOptions,
): Promise<Conversion> {
  const open = () => openCheckpointSource(localFolder(checkpointDir), quant, blueprint)
  return convertSource(open, outDir, options)
}

/**
 * Packs what `open` opens into a folder of its own: `model-<quant>.molm.safetensors`, config.json and the tokenizer's
 * files. No file gets its final name there before all are complete. Closes the source. Rejects with a UserError if the
 * source is incomplete, or if `outDir` holds other files or cannot be written.
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
    const { bytes, warnings } = await packSource(source, model, options)
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

/** Writes one packed file. Removes it if an error occurs. */
async function packSource(
  { blueprint, tensors, formats, quant, name }: PackSource,
  { weights, files }: StagedModel,
  { pack, source = basename(resolve(name)), revision, onProgress, signal }: PackOptions,
): Promise<{ bytes: number; warnings: string[] }> {
  const layout = planLayout(blueprint, formats)
  const file = await createPackedFile(weights, layout, { quant, formats, source, sourceRevision: revision, files })
  const nonFinite: NonFinite[] = []
  let partsDone = 0
  let bytesDone = 0
  try {
    for await (const packed of packParts(layout, tensors, pack, { signal, inStretches: true })) {
      await file.write(packed.part, packed.bytes, packed.offset)
      nonFinite.push(...packed.nonFinite)
      if (packed.isLast) partsDone++
      bytesDone += packed.bytes.length
      onProgress?.({ part: packed.part.name, partsDone, parts: layout.parts.length, bytesDone, bytes: layout.bytes })
    }
    await file.finish()
  } catch (error) {
    await file.abort()
    throw error
  }
  return { bytes: file.bytes, warnings: nonFiniteWeights(nonFinite) }
}
