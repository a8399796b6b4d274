import { existsSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import os from 'node:os'
import { basename, dirname } from 'node:path'
import { UserError } from '../ground/errors.js'
import { type FileSet, NO_FILES } from '../ground/files/byte-source.js'
import { expandHome } from '../ground/files/home.js'
import { localFolder } from '../ground/files/local-folder.js'
import { isGguf } from '../model/gguf/file/split-names.js'
import { checkQuant, type Quant } from '../model/packing/format/formats.js'
import {
  type Conversion,
  type ConvertProgress,
  convertSource,
  type PackOptions,
} from '../model/packing/write/convert.js'
import { type CalibrationTexts, calibrationOf, checkCalibration } from './calibration.js'
import { isGgufFile } from './finding/model-words.js'
import { resolveModel } from './finding/resolve-model.js'
import { isName } from './folders/model-folders.js'
import { storeTokenizer } from './packing/store-tokenizer.js'
import { withPacker } from './packing/with-packer.js'

export interface ConvertOptions {
  /** Format to pack in. Default: q4 for a checkpoint, and for a GGUF file the formats that it has. */
  quant?: Quant
  /** Threads that pack. Default: the cores that this process may use. */
  threads?: number
  /**
   * Rounds the weights of q4 matrices so that their products change least for the inputs that they have in texts: those
   * given, or with `true` a text that the model writes. Default: each weight changes least.
   */
  calibrate?: CalibrationTexts
  onProgress?: (progress: ConvertProgress) => void
  signal?: AbortSignal
}

/**
 * Packs a Hugging Face checkpoint or a GGUF file, given by its folder, file or a name such as `nano`, into a folder of its
 * own, with its config.json and tokenizer files. A file gets its final name only when it is complete. Rejects with a
 * UserError if the model is incomplete.
 */
export async function convertModel(
  dir: string,
  out: string,
  options: ConvertOptions & Pick<PackOptions, 'formatsOf'> = {},
): Promise<Conversion> {
  checkQuant(options.quant)
  const { quant, threads = os.availableParallelism(), calibrate, formatsOf, onProgress, signal } = options
  // With formats of their own, single matrices may be q4 in any packing.
  if (calibrate && !formatsOf) checkCalibration(calibrate, quant)
  const { openPackSource } = await import('./packing/open-pack-source.js')
  const { files, gguf } = await convertible(dir)
  const request = { quant, ...(gguf !== undefined && { gguf: { file: gguf, notes: NO_FILES } }) }
  const withCalibration = calibrate && calibrationOf(calibrate, { threads, signal })
  const packing = { source: gguf, formatsOf, onProgress, signal, withCalibration }
  const conversion = await withPacker(threads, (pack) =>
    convertSource(() => openPackSource(files, request), out, { ...packing, pack }),
  )
  await storeTokenizer(out)
  return conversion
}

/** Finds what is packed: the folder of a checkpoint, or a GGUF file in its folder. Rejects as `checkpointFolder` does. */
async function convertible(word: string): Promise<{ files: FileSet; gguf?: string }> {
  const path = expandHome(word)
  const found = await stat(path).catch(() => undefined)
  if (!(found?.isFile() ?? isGguf(path))) return { files: localFolder(await checkpointFolder(word)) }
  if (!(await isGgufFile(path))) throw new UserError(`${path}: is neither a checkpoint's folder nor a GGUF file`)
  return { files: localFolder(dirname(path)), gguf: basename(path) }
}

/** Finds the folder of a checkpoint, by its path or a model's name. Rejects with a UserError if the model is packed. */
export async function checkpointFolder(dir: string): Promise<string> {
  const path = expandHome(dir)
  if (existsSync(path) || !isName(dir)) return path
  const { name, path: found, kind, quant } = await resolveModel(dir)
  if (kind === 'checkpoint') return found
  throw new UserError(`${name} is packed already, as ${quant}: only a checkpoint can be packed`)
}
