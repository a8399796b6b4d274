import { UserError } from '../../ground/errors.js'
import { openLocalFile } from '../../ground/files/local-folder.js'
import { formatBytes } from '../../ground/numbers.js'

/** Maximum bytes: about a million tokens, more than a model's context. */
const MOST_BYTES = 4e6

/** Reads the text of a file, without its last line break. Rejects with a UserError if it is too long, or no text. */
export async function readTextFile(path: string): Promise<string> {
  const source = await openLocalFile(path)
  try {
    const { size } = source
    if (size > MOST_BYTES) {
      throw new UserError(
        `${path}: ${formatBytes(size)} are too much for a message, which takes ${formatBytes(MOST_BYTES)}`,
      )
    }
    const text = decoded(await source.read(0, size))
    if (text === undefined || text.includes('\0')) throw new UserError(`${path}: not a text in UTF-8`)
    return text.replace(/\r?\n$/, '')
  } finally {
    await source.close()
  }
}

function decoded(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}
