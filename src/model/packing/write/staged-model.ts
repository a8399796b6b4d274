import { readdir, rename, rm, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { UserError } from '../../../ground/errors.js'
import type { FileSet } from '../../../ground/files/byte-source.js'
import { cannotWrite, makeFolder } from '../../../ground/files/folders.js'
import { isAtlas, isCompanion } from '../format/companions.js'
import type { Quant } from '../format/formats.js'
import { isPacked, isSameFile, LOCK, packedFileName, STAGING, stagedWeights } from '../format/packed-folder.js'
import { copyCompanions, ownNotes } from './copy-companions.js'

/** A packed model that is being built in a hidden folder. `publish` or `discard` ends it; else it can be resumed. */
export interface StagedModel {
  weights: string
  /** SHA-256 in hex of the files next to them, by name. */
  files: Record<string, string>
  /** Moves all files to their places and removes an earlier model's files, but not the user's own notes. */
  publish(): Promise<void>
  /** Restores the folder to its earlier state. */
  discard(): Promise<void>
}

/**
 * Begins a packed model in `outDir` from a checkpoint: copies the files that go with the weights; the weights are still
 * to be written. `outDir` may be new, empty, or hold a packed model: packings of the same config.json stay,
 * another model's are replaced. Half-written weights are removed unless `resume` is set. `files` are texts by name,
 * written in addition to the copies or instead of them. Rejects with a UserError if the folder holds anything else.
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
          // The same config.json may belong to other weights: names of the replaced model's experts go with it.
          const names = former?.includes(weights) ? former.filter((file) => isAtlas(file) && !(file in files)) : []
          for (const file of names) await rm(join(outDir, file), { force: true })
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

/**
 * Names of the files in a folder that may receive a packed model; undefined if it does not exist yet. Rejects with a
 * UserError if it holds other files than packed models, or cannot be read.
 */
export async function formerFiles(outDir: string): Promise<string[] | undefined> {
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

/** Removes the packings and tokenizer files of another model, so that they are not mistaken for the new one's. */
async function removeOtherModel(outDir: string, former: string[], staying: string[]): Promise<void> {
  if (former.length === 0 || (await isSameFile(join(outDir, 'config.json'), join(outDir, STAGING, 'config.json'))))
    return
  const stale = former.filter((file) => isPacked(file) || (isCompanion(file) && !staying.includes(file)))
  for (const file of stale) await rm(join(outDir, file))
}
