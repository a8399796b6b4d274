import { UserError } from '../../../ground/errors.js'
import { localFolder } from '../../../ground/files/local-folder.js'
import { MOST_CONFIG_BYTES, readSmallFile } from '../../../ground/files/small-file.js'
import { option, phrase } from '../../../ground/message.js'
import { namesIn, pathIn } from '../../../ground/platform/files.js'
import { QUANTS, type Quant } from './formats.js'

/* Names of the files in a folder that holds packed models. */

const PACKED_SUFFIX = '.molm.safetensors'

/** Subfolder for building a packed model, before its files move to their places. A crash can leave it behind. */
export const STAGING = '.molm.partial'

/** Name of the file that locks a folder while a process writes a packed model there. */
export const LOCK = '.molm.lock'

export function packedFileName(quant: Quant): string {
  return `model-${quant}${PACKED_SUFFIX}`
}

/**
 * Path of the packed weights in a folder: as `quant`, or the only ones; undefined if there are none. Rejects with
 * a UserError if there are several and `quant` is missing, or if there is no such folder.
 */
export async function findPackedFile(dir: string, quant?: Quant): Promise<string | undefined> {
  const found = (await localFolder(dir).list()).filter(isPacked).sort()
  if (quant !== undefined) return found.includes(packedFileName(quant)) ? pathIn(dir, packedFileName(quant)) : undefined
  if (found.length > 1) {
    const quants = QUANTS.filter((name) => found.includes(packedFileName(name)))
    throw new UserError(
      phrase`${dir}: has several packings (${found.join(', ')}); choose with ${option('quant')} ${quants.join('|')}`,
    )
  }
  return found.length === 1 ? pathIn(dir, found[0]) : undefined
}

export function isPacked(file: string): boolean {
  return file.endsWith(PACKED_SUFFIX)
}

export interface Packings {
  quants: Quant[]
  /** Paths of the packed files, in the same order. */
  paths: string[]
  /** Whether an unfinished one is there, and its path. */
  isUnfinished: boolean
  unfinished: string
}

/** Finds the packings in a folder; none if there is no such folder. */
export async function packingsIn(dir: string): Promise<Packings> {
  const files = await namesIn(dir).catch((): string[] => [])
  const quants = QUANTS.filter((quant) => files.includes(packedFileName(quant)))
  const paths = quants.map((quant) => pathIn(dir, packedFileName(quant)))
  return { quants, paths, isUnfinished: files.includes(STAGING), unfinished: pathIn(dir, STAGING) }
}

/** Path of the packed weights of a model in `outDir` while it is being built. */
export function stagedWeights(outDir: string, quant: Quant): string {
  return pathIn(outDir, STAGING, packedFileName(quant))
}

/** Whether two small files, such as config.json, exist and have the same bytes. */
export async function isSameFile(a: string, b: string): Promise<boolean> {
  const [first, second] = await Promise.all(
    [a, b].map((path) => readSmallFile(path, MOST_CONFIG_BYTES).catch(() => {})),
  )
  if (first === undefined || first.length !== second?.length) return false
  return first.every((byte, i) => byte === second[i])
}
