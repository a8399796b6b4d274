import { existsSync } from 'node:fs'
import { readdir, realpath, rm, rmdir, stat } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { codeOf, UserError } from '../ground/errors.js'
import { expandHome, molmHome } from '../ground/files/home.js'
import { takeLock } from '../ground/files/lock.js'
import type { Quant } from '../model/packing/format/formats.js'
import { openPackedFile } from '../model/packing/format/packed-file.js'
import { packedFileName, packingsIn } from '../model/packing/format/packed-folder.js'
import { type GgufCopy, ggufCopies, ggufPath, removeCopy } from './folders/gguf-copies.js'
import {
  folders,
  isName,
  likelyName,
  modelsRoot,
  namesMeant,
  pulledFolder,
  pulledNames,
  pullLock,
  shippedFolder,
  shippedNames,
  splitName,
  withoutHost,
} from './folders/model-folders.js'

/** A model here: one packing of a pulled one, the packed copy of a GGUF file, or one that comes with molm. */
export interface InstalledModel {
  /**
   * Repository; ends in `:q8`, say, if it is here in several packings. The name of a copy is the path of the GGUF file, with
   * `:q8` if that packing was asked for.
   */
  name: string
  /** Packed file, the folder of an unfinished pull, or the checkpoint's folder of a built-in model. */
  path: string
  /** Absent if it is unfinished or damaged, and for a built-in model, which is packed when it is loaded. */
  quant?: Quant
  bytes: number
  /** Absent for a built-in model, whose files have the date of the installation. */
  modified?: Date
  /** Commit it was packed from. */
  revision?: string
  /** Branch, tag or commit that was asked for; absent for main. */
  branch?: string
  /**
   * whole: ready to run. partial: a pull was interrupted; pulling again resumes it. damaged: must be pulled again.
   * built-in: comes with molm.
   */
  state: 'whole' | 'partial' | 'damaged' | 'built-in'
  /** The GGUF file that it is a packed copy of. Loading it packs it again if the copy is gone. */
  gguf?: string
}

/** Lists the models that have a name: pulled ones, by name, packed copies of GGUF files, then models that come with molm. */
export async function listModels(): Promise<InstalledModel[]> {
  const models: InstalledModel[] = []
  const pulled = await pulledNames()
  for (const name of pulled) models.push(...(await packingsOf(name)))
  for (const copy of await ggufCopies()) models.push(...(await copyIn(copy)))
  for (const name of await shippedNames()) {
    // A pulled model hides a built-in one of the same name.
    if (!pulled.includes(name)) models.push(await builtIn(name))
  }
  return models
}

/**
 * Finds pulled models by name: `owner/name` gives all packings and the rest of an interrupted pull, `owner/name:q8` one
 * packing. `owner/name-GGUF` gives all its files that were pulled. The path of a GGUF file gives its packed copies. Rejects
 * with a UserError if there is no such model, or if it comes with molm.
 */
export async function findPulled(word: string): Promise<InstalledModel[]> {
  const name = withoutHost(word)
  const copies = await copiesOf(name)
  if (copies.length > 0) return (await Promise.all(copies.map(copyIn))).flat()
  const { repository, quant } = splitName(name)
  const all = (await Promise.all((await namesMeant(repository)).map(packingsOf))).flat()
  const found = quant ? all.filter((model) => model.path.endsWith(packedFileName(quant))) : all
  if (found.length > 0) return found
  if ((await shippedNames()).includes(repository)) {
    throw new UserError(`${repository} comes with molm: it was not pulled, and cannot be removed or updated`)
  }
  const meant = await likelyName(repository)
  const hint = meant ? `did you mean ${meant}?` : '`molm list` shows what there is'
  throw new UserError(`no pulled model '${name}' in ${molmHome()}; ${hint}`)
}

/** Removes what `findPulled` finds. Rejects with a UserError if that is nothing, or is being pulled. */
export async function removeModel(word: string): Promise<void> {
  const name = withoutHost(word)
  await findPulled(name)
  const copies = await copiesOf(name)
  for (const { folder, name } of copies) await removeCopy(folder, name)
  if (copies.length > 0) return
  for (const model of await namesMeant(splitName(name).repository)) await removePulled(model, splitName(name).quant)
}

async function removePulled(name: string, quant?: Quant): Promise<void> {
  const repository = await presentName(name)
  const lock = await takeLock(pullLock(repository), `a pull of ${repository}`)
  try {
    const all = await packingsOf(repository)
    const removed = quant ? all.filter((model) => model.path.endsWith(packedFileName(quant))) : all
    if (removed.length < all.length) {
      for (const { path } of removed) await rm(path, { recursive: true })
      return
    }
    await removeFolder(pulledFolder(repository))
    await removeDeadLinks()
  } finally {
    await lock.release()
  }
}

/** Packed copies that a word means: all copies of a GGUF file, one of them (`FILE:q8`), or one by its folder. */
async function copiesOf(word: string): Promise<GgufCopy[]> {
  const copies = await ggufCopies()
  if (copies.length === 0) return []
  const { repository, quant } = splitName(expandHome(word))
  const path = await ggufPath(repository)
  return copies.filter(({ name, folder }) => {
    const copy = splitName(name)
    return folder === path || (copy.repository === path && (quant === undefined || copy.quant === quant))
  })
}

async function copyIn({ name, folder }: GgufCopy): Promise<InstalledModel[]> {
  const gguf = splitName(name).repository
  return (await modelsIn(folder, name, false)).map((model) => ({
    ...model,
    ...(gguf !== folder && { gguf }),
    revision: undefined,
  }))
}

/** Present name of a model. It differs from `name` if that is a former one, which links to the model's folder. */
async function presentName(name: string): Promise<string> {
  const [root, folder] = await Promise.all([realpath(modelsRoot()), realpath(pulledFolder(name))])
  const present = relative(root, folder).split(sep).join('/')
  return isName(present) ? present : name
}

/** Removes a model's files. Folders in it are other models, of an owner with this model's name, and stay. */
async function removeFolder(folder: string): Promise<void> {
  const { unfinished } = await packingsIn(folder)
  await rm(unfinished, { recursive: true, force: true })
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isFile()) await rm(join(folder, entry.name))
  }
  await removeIfEmpty(folder)
}

/** Removes former names of models that are gone. */
async function removeDeadLinks(): Promise<void> {
  const root = modelsRoot()
  for (const dir of [...(await folders(root)).map((name) => join(root, name)), root]) {
    for (const entry of await readdir(dir, { withFileTypes: true })) {
      const path = join(dir, entry.name)
      if (entry.isSymbolicLink() && !existsSync(path)) await rm(path)
    }
    if (dir !== root) await removeIfEmpty(dir)
  }
}

async function removeIfEmpty(folder: string): Promise<void> {
  await rmdir(folder).catch(() => undefined)
}

async function packingsOf(repository: string): Promise<InstalledModel[]> {
  return modelsIn(pulledFolder(repository), repository, true)
}

/** The packings in a folder. Their names end in `:q8`, say, if there are several and `isQualified` is set. */
async function modelsIn(folder: string, repository: string, isQualified: boolean): Promise<InstalledModel[]> {
  const { quants, isUnfinished, unfinished } = await packingsIn(folder)
  const models: InstalledModel[] = []
  for (const quant of quants) {
    const path = join(folder, packedFileName(quant))
    const found = await ifPresent(stat(path))
    if (!found) continue
    const { size: bytes, mtime: modified } = found
    const name = isQualified && quants.length > 1 ? `${repository}:${quant}` : repository
    const metadata = (await openPackedFile(path).catch(() => undefined))?.metadata
    const about = metadata
      ? {
          ...{ quant, revision: metadata.sourceRevision, state: 'whole' as const },
          ...(metadata.sourceBranch !== undefined && { branch: metadata.sourceBranch }),
        }
      : { state: 'damaged' as const }
    models.push({ name, path, bytes, modified, ...about })
  }
  const started = isUnfinished ? await ifPresent(stat(unfinished)) : undefined
  if (started) {
    const bytes = await bytesIn(unfinished)
    models.push({ name: repository, path: unfinished, bytes, modified: started.mtime, state: 'partial' })
  }
  return models
}

async function builtIn(name: string): Promise<InstalledModel> {
  const path = shippedFolder(name)
  const { size: bytes } = await stat(join(path, 'model.safetensors'))
  return { name, path, bytes, state: 'built-in' }
}

/** Size on disk of the files in a folder; a sparse file takes less than its length. */
async function bytesIn(folder: string): Promise<number> {
  let bytes = 0
  for (const name of (await ifPresent(readdir(folder))) ?? []) {
    bytes += ((await ifPresent(stat(join(folder, name))))?.blocks ?? 0) * 512
  }
  return bytes
}

/** Undefined if a file is gone: a pull may end, or a model be removed, while the list is made. */
async function ifPresent<T>(work: Promise<T>): Promise<T | undefined> {
  return work.catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  })
}
