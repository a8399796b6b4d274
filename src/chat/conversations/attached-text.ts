import { UserError } from '../../ground/errors.js'
import { formatBytes } from '../../ground/numbers.js'

/** Maximum bytes of a text: about a million tokens, more than a model's context. */
const MOST_BYTES = 4e6

/**
 * The text of a file to put before a message, without its last line break; `read` gives its bytes. Rejects with a UserError
 * if it is too long, or no text.
 */
export async function attachedText(name: string, size: number, read: () => Promise<Uint8Array>): Promise<string> {
  if (size > MOST_BYTES) {
    const [bytes, most] = [size, MOST_BYTES].map(formatBytes)
    throw new UserError(`${name}: ${bytes} are too much for a message, which takes ${most}`)
  }
  const text = utf8Of(await read())
  if (text === undefined || text.includes('\0')) throw new UserError(`${name}: not a text in UTF-8`)
  return text.replace(/\r?\n$/, '')
}

function utf8Of(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}
