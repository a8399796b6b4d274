import { basename, resolve } from 'node:path'
import { type Checkpoint, openCheckpoint } from '../../checkpoint/checkpoint.js'
import { localFolder } from '../../checkpoint/local-folder.js'
import type { Quant } from '../format/formats.js'
import { type Blueprint, planLayout } from '../format/layout.js'
import { packedFileName } from '../format/packed-folder.js'
import { checkTensors } from './check-tensors.js'
import { checkpointFormats } from './checkpoint-formats.js'
import { nonFiniteWeights, unfitLicences, unknownTensors } from './checkpoint-warnings.js'
import { asOnlyWriter } from './only-writer.js'
import { type NonFinite, type PackMatrix, packParts } from './pack.js'
import { createPackedFile } from './packed-file-writer.js'
import { stageModel } from './staged-model.js'

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
  quant: Quant
  /** Packs rows of weights with the kernels. */
  pack: PackMatrix
  /** Source that the packed file names. */
  source: string
  /** Commit of that source. */
  revision?: string
  /** SHA-256 in hex of the files that go with the weights, by name. */
  files?: Record<string, string>
  onProgress?: (progress: ConvertProgress) => void
  /** Aborting it rejects with its reason and leaves nothing behind. */
  signal?: AbortSignal
}

export interface ConvertCheckpointOptions extends Omit<PackOptions, 'source'> {
  /** Reads a parsed config.json; errors begin with `path`. */
  blueprint: (json: unknown, path: string) => Blueprint
  source?: string
}

export interface Conversion {
  /** Path of the packed file. */
  path: string
  bytes: number
  /** Warnings for the user, one line each: weights that are not finite, tensors that were left out. */
  warnings: string[]
}

/**
 * Packs a Hugging Face checkpoint folder into a folder of its own: `model-<quant>.molm.safetensors`, config.json and
 * the tokenizer's files. No file gets its final name there before all are complete. `source` defaults to the checkpoint
 * folder's name. Rejects with a UserError if the checkpoint is incomplete, or if `outDir` holds other files or cannot
 * be written.
 */
export async function convertCheckpoint(
  checkpointDir: string,
  outDir: string,
  options: ConvertCheckpointOptions,
): Promise<Conversion> {
  return asOnlyWriter(outDir, () => convertAlone(checkpointDir, outDir, options))
}

async function convertAlone(
  checkpointDir: string,
  outDir: string,
  options: Parameters<typeof convertCheckpoint>[2],
): Promise<Conversion> {
  const from = localFolder(checkpointDir)
  const checkpoint = await openCheckpoint(from)
  try {
    const blueprint = options.blueprint(checkpoint.config, resolve(checkpointDir, 'config.json'))
    const unknown = checkTensors(blueprint, checkpoint.tensors, checkpoint.name)
    const model = await stageModel(from, outDir, options.quant)
    try {
      const { source = basename(resolve(checkpointDir)) } = options
      const { weights, files } = model
      const { bytes, warnings } = await packCheckpoint(checkpoint, blueprint, weights, { ...options, source, files })
      await model.publish()
      const path = resolve(outDir, packedFileName(options.quant))
      const about = [...unknownTensors(unknown), ...unfitLicences(await from.list())]
      return { path, bytes, warnings: [...about, ...warnings] }
    } catch (error) {
      await model.discard()
      throw error
    }
  } finally {
    await checkpoint.close()
  }
}

/** Packs an open checkpoint, whose tensors have been checked, into one packed file. Removes it if an error occurs. */
export async function packCheckpoint(
  checkpoint: Checkpoint,
  blueprint: Blueprint,
  path: string,
  options: PackOptions,
): Promise<Conversion> {
  const { quant, pack, source, revision, files, onProgress, signal } = options
  const formats = checkpointFormats(blueprint, quant, checkpoint.tensors.keys())
  const layout = planLayout(blueprint, formats)
  const file = await createPackedFile(path, layout, { quant, formats, source, sourceRevision: revision, files })
  const nonFinite: NonFinite[] = []
  let partsDone = 0
  let bytesDone = 0
  try {
    for await (const packed of packParts(layout, checkpoint.tensors, pack, { signal, inStretches: true })) {
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
  return { path, bytes: file.bytes, warnings: nonFiniteWeights(nonFinite) }
}
