import { readdir, rename, rm, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { FileSet } from '../../checkpoint/byte-source.js'
import { localFolder } from '../../checkpoint/local-folder.js'
import { MOST_CONFIG_BYTES, readSmallFile } from '../../checkpoint/small-file.js'
import { UserError } from '../../errors.js'
import { cannotWrite, makeFolder } from '../../files/folders.js'
import { copyCompanions, isCompanion, ownNotes } from './companions.js'
import { QUANTS, type Quant } from './formats.js'

const PACKED_SUFFIX = '.molm.safetensors'

/** Subfolder in which a packed model is built before its files move to their places; a crash can leave it behind. */
const STAGING = '.molm.partial'

/** File that stands in a folder while a process writes a packed model there. */
export const LOCK = '.molm.lock'

/** Name of the packed weights in the folder of a model. */
export function packedFileName(quant: Quant): string {
  return `model-${quant}${PACKED_SUFFIX}`
}

/**
 * Path of the packed weights in a folder: those of `quant`, or the only ones. Undefined when there are none. Rejects
 * with a UserError when there are several and none was asked for, or when there is no such folder.
 */
export async function findPackedFile(dir: string, quant?: Quant): Promise<string | undefined> {
  const found = (await localFolder(dir).list()).filter(isPacked).sort()
  if (quant !== undefined) return found.includes(packedFileName(quant)) ? join(dir, packedFileName(quant)) : undefined
  if (found.length > 1) {
    const quants = QUANTS.filter((name) => found.includes(packedFileName(name)))
    throw new UserError(`${dir}: has several packings (${found.join(', ')}); choose with \`quant\` ${quants.join('|')}`)
  }
  return found.length === 1 ? join(dir, found[0]) : undefined
}

function isPacked(file: string): boolean {
  return file.endsWith(PACKED_SUFFIX)
}

/** What a folder holds of packed models: packings, and whether (and where) another was begun and not finished. */
export async function packingsIn(dir: string): Promise<{ quants: Quant[]; isUnfinished: boolean; unfinished: string }> {
  const files = await readdir(dir).catch((): string[] => [])
  const quants = QUANTS.filter((quant) => files.includes(packedFileName(quant)))
  return { quants, isUnfinished: files.includes(STAGING), unfinished: join(dir, STAGING) }
}

/**
 * A folder in which a packed model is being built out of sight. Publish or discard ends it; what is left without either
 * can be taken up again later.
 */
export interface StagedModel {
  /** Where the packed weights are to be written. */
  weights: string
  /** SHA-256 in hex of the files that go with them, by name. */
  files: Record<string, string>
  /**
   * Moves all files to their places, the weights last, and removes what a former model has left there. Notes of the
   * user's own stay.
   */
  publish(): Promise<void>
  /** Leaves the folder as it was found. */
  discard(): Promise<void>
}

/** Where the packed weights of a model in `outDir` lie while it is being built. */
export function stagedWeights(outDir: string, quant: Quant): string {
  return join(outDir, STAGING, packedFileName(quant))
}

/**
 * Begins a packed model in `outDir` from a checkpoint: its weights are still to be written, the files that go with them
 * are copied at once. `outDir` may be new, empty, or hold a packed model: packings of the same config.json stay beside
 * the new one, those of another model are replaced. Weights that were left half-written are removed, unless `resume`.
 * `files` are written beside them, by name, or in place of copies. Rejects with a UserError when the folder holds
 * anything else.
 */
export async function stageModel(
  checkpoint: FileSet,
  outDir: string,
  quant: Quant,
  options: { resume?: boolean; files?: Readonly<Record<string, string>> } = {},
): Promise<StagedModel> {
  const former = await formerFiles(outDir)
  const staging = join(outDir, STAGING)
  const weights = packedFileName(quant)
  const discard = async () => {
    await rm(staging, { recursive: true, force: true })
    if (former === undefined) await rmdir(outDir).catch(() => undefined)
  }
  try {
    if (!options.resume) await rm(staging, { recursive: true, force: true })
    await makeFolder(staging)
    const files = await copyCompanions(checkpoint, staging, options.files ?? {})
    return {
      weights: stagedWeights(outDir, quant),
      files,
      async publish() {
        try {
          const own = await ownNotes(outDir, former ?? [], (former ?? []).filter(isPacked))
          const companions = Object.keys(files).filter((file) => !own.includes(file))
          await removeOtherModel(outDir, former ?? [], [...companions, ...own])
          for (const file of [...companions, weights]) await rename(join(staging, file), join(outDir, file))
        } catch (error) {
          throw cannotWrite(outDir, error)
        }
        await rm(staging, { recursive: true, force: true })
      },
      discard,
    }
  } catch (error) {
    if (!options.resume) await discard()
    throw cannotWrite(outDir, error)
  }
}

/** Rejects with a UserError when a folder holds other things than packed models, or cannot be looked into. */
export async function checkMayReceive(outDir: string): Promise<void> {
  await formerFiles(outDir)
}

/** Names of the files in a folder that may receive a packed model; undefined when it does not exist yet. */
async function formerFiles(outDir: string): Promise<string[] | undefined> {
  let files: string[]
  try {
    files = (await readdir(outDir)).filter((file) => !file.startsWith(LOCK))
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw cannotWrite(outDir, error)
  }
  const isOurs = files.length === 0 || files.includes(STAGING) || files.some(isPacked)
  if (!isOurs) {
    throw new UserError(`${outDir}: already holds other files (${files.sort()[0]}); give a new or an empty folder`)
  }
  return files.filter((file) => file !== STAGING)
}

/** When the model changes, packings and tokenizer files of the former one must not be taken for the new one's. */
async function removeOtherModel(outDir: string, former: string[], staying: string[]): Promise<void> {
  if (former.length === 0 || (await isSameFile(join(outDir, 'config.json'), join(outDir, STAGING, 'config.json'))))
    return
  const stale = former.filter((file) => isPacked(file) || (isCompanion(file) && !staying.includes(file)))
  for (const file of stale) await rm(join(outDir, file))
}

/** Whether two small files, such as config.json, are there and equal to the byte. */
export async function isSameFile(a: string, b: string): Promise<boolean> {
  const [first, second] = await Promise.all(
    [a, b].map((path) => readSmallFile(path, MOST_CONFIG_BYTES).catch(() => {})),
  )
  return first !== undefined && second !== undefined && Buffer.compare(first, second) === 0
}
