import { isUtf8 } from 'node:buffer'
import { UserError } from '../../ground/errors.js'
import { readBounded } from '../../ground/files/bounded-file.js'

export interface NamedText {
  /** Name in results and errors, usually its file. */
  name: string
  text: string
}

// Keeps a byte-order mark: it is tokenised and counted like the rest of the text.
const UTF8 = new TextDecoder('utf-8', { ignoreBOM: true })
const LINE_FEED = 10

/** Maximum bytes of a text: it must fit into memory with its tokens and results. */
const MOST_BYTES = 2 ** 28

/**
 * Reads a text of at most 256 MiB, unchanged to the byte, from a file, a pipe or a device. Rejects with a UserError if
 * there is no such file, or if it is longer or not UTF-8: replacing invalid bytes would measure another text.
 */
export async function readText(path: string): Promise<NamedText> {
  return namedText(path, await readBounded(path, MOST_BYTES, 'cut it into several files'))
}

/** Decodes the bytes of a text. Throws a UserError if they are not UTF-8. */
export function namedText(name: string, bytes: Uint8Array): NamedText {
  if (isUtf8(bytes)) return { name, text: UTF8.decode(bytes) }
  throw new UserError(`${name}: line ${firstBadLine(bytes)} is not valid UTF-8; convert it first (iconv -t UTF-8)`)
}

/** Number of the line with the first invalid bytes, the place at which the decoded text differs. */
function firstBadLine(bytes: Uint8Array): number {
  const readable = Buffer.from(UTF8.decode(bytes))
  let line = 1
  for (let i = 0; bytes[i] === readable[i]; i++) if (bytes[i] === LINE_FEED) line++
  return line
}
