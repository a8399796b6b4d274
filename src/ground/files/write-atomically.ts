import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { cannotWrite } from './folders.js'

interface PartialFileOptions {
  partial?: string
  mode?: number
}

/**
 * Writes a file whole or not at all, replacing a former one: the pieces go to the file `partial`, which is renamed once
 * it is on the disk. `mode` has its permissions, by default 0o666 without the bits of the umask. Rejects with a
 * UserError, and removes the partial file, if the system refuses to write.
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
  { partial = `${path}.partial`, mode }: PartialFileOptions = {},
): Promise<void> {
  try {
    const file = await open(partial, 'w', mode)
    try {
      await write(file)
      await putInPlace(file, partial, path)
    } finally {
      await file.close()
    }
  } catch (error) {
    await rm(partial, { force: true }).catch(() => undefined)
    throw cannotWrite(path, error)
  }
}

/** Closes the partial file that was written and gives it its name. */
export async function putInPlace(file: FileHandle, partial: string, path: string): Promise<void> {
  // Without sync, a power cut after the rename could leave the name on an empty file.
  await file.sync()
  await file.close()
  await rename(partial, path)
}
