import { type FileHandle, open } from 'node:fs/promises'
import { codeOf, UserError } from '../errors.js'
import { formatBytes } from '../numbers.js'

/** Bytes that are asked for at a time. */
const CHUNK_BYTES = 2 ** 20

/**
 * All bytes of a file, or of a pipe or device, which may have no end: at most `most` are read. Rejects with a UserError
 * that names the path if there is no such file, if it cannot be read, or if it is longer; `advice` ends the last message.
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
    if (codeOf(error) === 'ENOENT') throw new UserError(`${path}: no such file`)
    throw new UserError(`${path}: cannot be read (${codeOf(error)})`)
  } finally {
    await file?.close()
  }
}

async function readUpTo(file: FileHandle, most: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  for (let length = 0; length < most; ) {
    const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, most - length))
    const { bytesRead } = await file.read(buffer, 0, buffer.length, null)
    if (bytesRead === 0) break
    chunks.push(buffer.subarray(0, bytesRead))
    length += bytesRead
  }
  return Buffer.concat(chunks)
}

function binary(bytes: number): string {
  return `${bytes / 2 ** 20} MiB`
}
