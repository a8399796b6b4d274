import { type FileHandle, open } from 'node:fs/promises'
import { codeOf, UserError } from '../errors.js'
import { formatBytes } from '../numbers.js'

const CHUNK_BYTES = 2 ** 20

/**
 * Reads all bytes of a file, pipe or device, but at most `most`, because a pipe or device may have no end. Rejects with
 * a UserError that names the path if there is no such file, if it cannot be read, or if it is longer; in the last case
 * `advice` ends the message.
 */
export async function readBounded(path: string, most: number, advice: string): Promise<Buffer> {
  let file: FileHandle | undefined
  try {
    file = await open(path)
    const info = await file.stat()
    if (info.isDirectory()) throw new UserError(`${path}: is a folder, not a file`)
    const tooLong = (size: string) => new UserError(`${path}: has ${size}, at most ${binary(most)} are read; ${advice}`)
    if (info.isFile() && info.size > most) throw tooLong(formatBytes(info.size))
    const bytes = await readUpTo(file, most + 1)
    if (bytes.length > most) throw tooLong(`more than ${binary(most)}`)
    return bytes
  } catch (error) {
    if (error instanceof UserError) throw error
    const code = codeOf(error)
    // Not an error of the file: the memory may be used up.
    if (code === undefined) throw error
    throw new UserError(code === 'ENOENT' ? `${path}: no such file` : `${path}: cannot be read (${code})`)
  } finally {
    await file?.close()
  }
}

async function readUpTo(file: FileHandle, most: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  for (let length = 0; length < most; ) {
    const chunk = await readFully(file, Math.min(CHUNK_BYTES, most - length))
    chunks.push(chunk)
    length += chunk.length
    if (chunk.length < CHUNK_BYTES) break
  }
  return Buffer.concat(chunks)
}

/** Reads `bytes` bytes, or all before the end. A pipe may deliver a few at a time; they are collected in one chunk. */
async function readFully(file: FileHandle, bytes: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(bytes)
  let length = 0
  while (length < bytes) {
    const { bytesRead } = await file.read(buffer, length, bytes - length, null)
    if (bytesRead === 0) break
    length += bytesRead
  }
  return buffer.subarray(0, length)
}

function binary(bytes: number): string {
  return `${bytes / 2 ** 20} MiB`
}
