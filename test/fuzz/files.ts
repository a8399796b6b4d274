import { execFileSync } from 'node:child_process'
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'

/** Directory entry: the bytes of a regular file, or something else. */
export type Entry = Uint8Array | { link: string } | { holes: number } | 'pipe' | 'folder'

/** Files of an input, by name. */
export type Files = ReadonlyMap<string, Entry>

/** Copy of the files with one entry replaced. */
export function replaced(files: Files, name: string, entry: Entry | undefined): Files {
  const copy = new Map(files)
  if (entry === undefined) copy.delete(name)
  else copy.set(name, entry)
  return copy
}

/** Bytes of a file that must exist. */
export function bytesOf(files: Files, name: string): Uint8Array {
  const entry = files.get(name)
  if (!(entry instanceof Uint8Array)) throw new Error(`no bytes under ${name}`)
  return entry
}

/** A text as bytes. */
export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

/** Total size of all files in bytes, without holes. */
export function sizeOf(files: Files): number {
  return [...files.values()].reduce((sum, entry) => sum + (entry instanceof Uint8Array ? entry.length : 0), 0)
}

/** Writes the files into a folder and removes everything else from it. */
export function lay(dir: string, files: Files): void {
  rmSync(dir, { recursive: true, force: true })
  mkdirSync(dir, { recursive: true })
  for (const [name, entry] of files) {
    const path = join(dir, name)
    if (entry instanceof Uint8Array) writeFileSync(path, entry)
    else if (entry === 'folder') mkdirSync(path)
    else if (entry === 'pipe') execFileSync('mkfifo', [path])
    else if ('link' in entry) symlinkSync(entry.link, path)
    else {
      writeFileSync(path, '')
      truncateSync(path, entry.holes)
    }
  }
}

/** Reads back a folder that `lay` has written. */
export function take(dir: string): Files {
  const files = new Map<string, Entry>()
  for (const name of readdirSync(dir)) {
    const path = join(dir, name)
    const info = lstatSync(path)
    if (info.isSymbolicLink()) files.set(name, { link: readlinkSync(path) })
    else if (info.isDirectory()) files.set(name, 'folder')
    else if (info.isFIFO()) files.set(name, 'pipe')
    else if (info.size > 2 ** 20 && info.blocks === 0) files.set(name, { holes: info.size })
    else files.set(name, Uint8Array.from(readFileSync(path)))
  }
  return files
}
