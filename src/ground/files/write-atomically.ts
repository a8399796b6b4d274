import { randomUUID } from 'node:crypto'
import { type FileHandle, lstat, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { cannotWrite } from './folders.js'

interface PartialFileOptions {
  /** Path of the partial file, for a writer that is the only one. Default: a name that no other process has. */
  partial?: string
  mode?: number
}

/** Milliseconds without a write after which a partial file is of a process that was killed. */
const ABANDONED_MS = 3_600_000
const PARTIAL = /^\.molm\.[0-9a-f-]{36}\.partial$/

/**
 * Writes a file whole or not at all: the pieces go to a partial file beside it, which is renamed once it is on the disk.
 * Of several processes the last one counts. A link is replaced; devices and pipes are written as they are. `mode` has the
 * permissions, by default the former file's, else 0o666 without the bits of the umask. Rejects with a UserError, and
 * removes the partial file, if the system refuses to write.
 */
export function writeAtomically(
  path: string,
  pieces: Iterable<Uint8Array | string> | AsyncIterable<Uint8Array>,
  options?: PartialFileOptions,
): Promise<void> {
  return writeWith(
    path,
    async (file) => {
      for await (const piece of pieces) await file.writeFile(piece)
    },
    options,
  )
}

/** The same with `write`, which may write the places of the file in any order. */
export async function writeWith(
  path: string,
  write: (file: FileHandle) => Promise<void>,
  { partial, mode }: PartialFileOptions = {},
): Promise<void> {
  // Links in /dev are the system's, such as /dev/stdout.
  const former = await (path.startsWith('/dev/') ? stat : lstat)(path).catch(() => undefined)
  const isStream = former && !former.isFile() && !former.isDirectory() && !former.isSymbolicLink()
  const aside = isStream ? path : (partial ?? (await newPartial(path)))
  try {
    const file = await open(aside, 'w', mode ?? (former?.isFile() ? former.mode & 0o777 : undefined))
    try {
      await write(file)
      if (!isStream) await putInPlace(file, aside, path)
    } finally {
      await file.close()
    }
  } catch (error) {
    if (!isStream) await rm(aside, { force: true }).catch(() => undefined)
    throw cannotWrite(path, error)
  }
}

async function newPartial(path: string): Promise<string> {
  await removeAbandoned(dirname(path))
  return join(dirname(path), `.molm.${randomUUID()}.partial`)
}

/** Removes the partial files in a folder that killed processes left. */
export async function removeAbandoned(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    const path = join(folder, name)
    const found = PARTIAL.test(name) && (await stat(path).catch(() => undefined))
    if (found && Date.now() - found.mtimeMs > ABANDONED_MS) await rm(path, { force: true }).catch(() => undefined)
  }
}

/** Closes the partial file that was written and gives it its name. */
export async function putInPlace(file: FileHandle, partial: string, path: string): Promise<void> {
  // Without sync, a power cut after the rename could leave the name on an empty file.
  await file.sync()
  await file.close()
  await rename(partial, path)
}
