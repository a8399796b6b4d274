import { createHash } from 'node:crypto'
import { realpath, rm, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { whileOpen } from '../../ground/files/byte-source.js'
import { molmHome } from '../../ground/files/home.js'
import { localFolder } from '../../ground/files/local-folder.js'
import { takeLock } from '../../ground/files/lock.js'
import { partNames } from '../../model/gguf/file/split-names.js'
import { QUANTS, type Quant } from '../../model/packing/format/formats.js'
import { openPackedFile, type PackedFile } from '../../model/packing/format/packed-file.js'
import { packingsIn, stagedWeights } from '../../model/packing/format/packed-folder.js'
import { readPackJournal } from '../../model/packing/write/pack-journal.js'
import { folders } from './model-folders.js'

/* Packed copies of GGUF files, below MOLM_HOME/gguf. Each has its own folder, for a file and the packing asked for. */

/** The packing of a copy: one that was asked for, or the formats that the file has. */
type Asked = Quant | undefined

/** Bytes of the beginning of each file that decide whether a copy is still of this file. */
const HASHED_BYTES = 2 ** 20

/** Version of the formats that a GGUF file is packed in. Raised when a file would be packed otherwise than before. */
const VERSION = 1

export function copiesRoot(): string {
  return join(molmHome(), 'gguf')
}

/** Absolute path of a GGUF file, or of the first part of a split one. Parts may be missing. */
export async function ggufPath(path: string): Promise<string> {
  const absolute = resolve(path)
  const folder = await realpath(dirname(absolute)).catch(() => dirname(absolute))
  return join(folder, partNames(basename(absolute))?.[0] ?? basename(absolute))
}

/** Folder of a file's copy: its name and a key, from the path and the packing asked for. */
export function copyFolder(path: string, asked: Asked): string {
  const key = createHash('sha256')
    .update(JSON.stringify([path, asked ?? null]))
    .digest('hex')
    .slice(0, 12)
  const name = basename(path)
    .replace(/(-\d{5}-of-\d{5})?\.gguf$/i, '')
    .replaceAll(/[^\w.+-]/g, '_')
  return join(copiesRoot(), `${name.slice(0, 100)}-${key}`)
}

/** The lock of a copy's folder, which the process that packs it holds. */
export function copyLock(folder: string): string {
  return join(molmHome(), 'locks', `gguf--${basename(folder)}.lock`)
}

/** Identifies a GGUF file by the names, sizes, times and beginnings of its parts, without reading all of it. */
export async function fingerprintOf(path: string): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify(VERSION))
  const files = localFolder(dirname(path))
  for (const name of partNames(basename(path)) ?? [basename(path)]) {
    await whileOpen(files.open(name), async (source) => {
      const { mtimeMs } = await stat(join(files.name, name))
      hash.update(JSON.stringify([name, source.size, mtimeMs]))
      hash.update(await source.read(0, Math.min(HASHED_BYTES, source.size)))
    })
  }
  return hash.digest('hex')
}

/** The copy of a file in its present state; undefined if there is none. */
export async function freshCopy(path: string, asked: Asked): Promise<{ folder: string; file: PackedFile } | undefined> {
  const folder = copyFolder(path, asked)
  const { quants } = await packingsIn(folder)
  if (quants.length === 0) return undefined
  const fingerprint = await fingerprintOf(path)
  for (const file of await packedFilesIn(folder)) {
    if (file.metadata.source === path && file.metadata.sourceRevision === fingerprint) return { folder, file }
  }
  return undefined
}

async function packedFilesIn(folder: string): Promise<PackedFile[]> {
  const { paths } = await packingsIn(folder)
  const files = await Promise.all(paths.map((path) => openPackedFile(path).catch(() => undefined)))
  return files.filter((file) => file !== undefined)
}

/** A copy, or the rest of an interrupted packing. */
export interface GgufCopy {
  /** The word that loads it: the file's path, with `:q8` if that packing was asked for. */
  name: string
  folder: string
}

export async function ggufCopies(): Promise<GgufCopy[]> {
  const copies: GgufCopy[] = []
  for (const entry of await folders(copiesRoot())) {
    const folder = join(copiesRoot(), entry)
    const path = await sourceOf(folder)
    // Without a readable source the folder is the name.
    const asked = path && [undefined, ...QUANTS].find((quant) => copyFolder(path, quant) === folder)
    copies.push({ name: path === undefined ? folder : asked ? `${path}:${asked}` : path, folder })
  }
  return copies.sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** Path of the GGUF file that a folder holds a copy of, finished or not. */
async function sourceOf(folder: string): Promise<string | undefined> {
  const [file] = await packedFilesIn(folder)
  if (file) return file.metadata.source
  for (const quant of QUANTS) {
    const journal = await readPackJournal(`${stagedWeights(folder, quant)}.journal`)
    if (journal) return journal.identity.source
  }
  return undefined
}

/** Removes a copy and the rest of an interrupted packing. Rejects with a UserError while it is packed. */
export async function removeCopy(folder: string, name: string): Promise<void> {
  const lock = await takeLock(copyLock(folder), `packing ${name}`)
  try {
    await rm(folder, { recursive: true, force: true })
  } finally {
    await lock.release()
  }
}
