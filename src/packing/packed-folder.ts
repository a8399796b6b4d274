import { readdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { FileSet } from '../checkpoint/byte-source.js'
import { localFolder } from '../checkpoint/local-folder.js'
import { UserError } from '../errors.js'
import { makeFolder } from '../files/folders.js'
import { QUANTS, type Quant } from './format.js'

const PACKED_SUFFIX = '.molm.safetensors'

/** Subfolder in which a packed model is built before its files move to their places; a crash can leave it behind. */
const STAGING = '.molm.partial'

/** Files that go with the weights from a checkpoint into a packed model, where the checkpoint has them. */
const COMPANIONS = [
  'config.json',
  'generation_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'vocab.json',
  'merges.txt',
  'chat_template.jinja',
  'README.md',
  'selection.json',
]

/** Name of the packed weights in the folder of a model. */
export function packedFileName(quant: Quant): string {
  return `model-${quant}${PACKED_SUFFIX}`
}

/**
 * Path of the packed weights in a folder: those of `quant`, or the only ones. Undefined when there are none. Rejects
 * with a UserError when there are several and none was asked for, or when there is no such folder.
 */
export async function findPackedFile(dir: string, quant?: Quant): Promise<string | undefined> {
  const found = (await localFolder(dir).list()).filter((file) => file.endsWith(PACKED_SUFFIX)).sort()
  if (quant !== undefined) return found.includes(packedFileName(quant)) ? join(dir, packedFileName(quant)) : undefined
  if (found.length > 1) {
    const quants = QUANTS.filter((name) => found.includes(packedFileName(name)))
    throw new UserError(`${dir}: has several packings (${found.join(', ')}); choose with --quant ${quants.join('|')}`)
  }
  return found.length === 1 ? join(dir, found[0]) : undefined
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
  /** Moves all files to their places, the weights last, and removes what a former model has left there. */
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
    const { files = {} } = options
    const companions = [...new Set([...(await copyCompanions(checkpoint, staging)), ...Object.keys(files)])]
    for (const [name, text] of Object.entries(files)) await writeFile(join(staging, name), text)
    return {
      weights: stagedWeights(outDir, quant),
      async publish() {
        try {
          await removeOtherModel(outDir, former ?? [], companions)
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

/** Copies the contents alone: links into a download cache and read-only modes stay behind. Returns the names. */
async function copyCompanions(checkpoint: FileSet, to: string): Promise<string[]> {
  const companions = (await checkpoint.list()).filter(isCompanion).sort()
  for (const name of companions) {
    const file = await checkpoint.open(name)
    try {
      await writeFile(join(to, name), await file.read(0, file.size))
    } finally {
      await file.close()
    }
  }
  return companions
}

/** Names of the files in a folder that may receive a packed model; undefined when it does not exist yet. */
async function formerFiles(outDir: string): Promise<string[] | undefined> {
  let files: string[]
  try {
    files = await readdir(outDir)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw cannotWrite(outDir, error)
  }
  const isOurs = files.length === 0 || files.includes(STAGING) || files.some((file) => file.endsWith(PACKED_SUFFIX))
  if (!isOurs) {
    throw new UserError(`${outDir}: already holds other files (${files.sort()[0]}); give a new or an empty folder`)
  }
  return files.filter((file) => file !== STAGING)
}

/** When the model changes, packings and tokenizer files of the former one must not be taken for the new one's. */
async function removeOtherModel(outDir: string, former: string[], companions: string[]): Promise<void> {
  if (former.length === 0 || (await isSameFile(join(outDir, 'config.json'), join(outDir, STAGING, 'config.json'))))
    return
  const stale = former.filter(
    (file) => file.endsWith(PACKED_SUFFIX) || (isCompanion(file) && !companions.includes(file)),
  )
  for (const file of stale) await rm(join(outDir, file))
}

async function isSameFile(a: string, b: string): Promise<boolean> {
  const [first, second] = await Promise.all([readFile(a).catch(() => undefined), readFile(b)])
  return first?.equals(second) ?? false
}

/** Whether a file of a checkpoint goes with its packed weights. */
export function isCompanion(file: string): boolean {
  return COMPANIONS.includes(file) || file.startsWith('LICENSE')
}

/** What the file system refuses is told to the user; other errors, such as an abort, are passed on. */
function cannotWrite(outDir: string, error: unknown): unknown {
  if (!(error instanceof Error && 'syscall' in error)) return error
  return new UserError(`${outDir}: cannot be written (${error.message})`)
}
