import { readdir, rename, rm, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { FileSet } from '../../checkpoint/byte-source.js'
import { UserError } from '../../errors.js'
import { cannotWrite, makeFolder } from '../../files/folders.js'
import { isCompanion } from '../format/companions.js'
import type { Quant } from '../format/formats.js'
import { isPacked, isSameFile, LOCK, packedFileName, STAGING, stagedWeights } from '../format/packed-folder.js'
import { copyCompanions, ownNotes } from './copy-companions.js'

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
