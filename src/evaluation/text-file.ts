import { isUtf8 } from 'node:buffer'
import { UserError } from '../errors.js'
import { readBounded } from '../files/bounded-file.js'

/** A text to be measured on. */
export interface NamedText {
  /** What results and errors call it: its file. */
  name: string
  text: string
}

// A byte-order mark is part of the text: it is tokenised and counted like the rest.
const UTF8 = new TextDecoder('utf-8', { ignoreBOM: true })
const LINE_FEED = 10

/** Most bytes of a text: with all that is made of it, it must fit into memory. */
const MOST_BYTES = 2 ** 28

/**
 * Reads a text to the byte, at most 256 MiB of it, also from a pipe or a device. Rejects with a UserError if there is no
 * such file, if it is longer, or if it is not UTF-8: replacing what cannot be read would measure another text.
 */
export async function readText(path: string): Promise<NamedText> {
  return namedText(path, await readBounded(path, MOST_BYTES, 'cut it into several files'))
}

/** The bytes as text. Throws a UserError if they are not UTF-8. */
export function namedText(name: string, bytes: Buffer): NamedText {
  if (isUtf8(bytes)) return { name, text: UTF8.decode(bytes) }
  throw new UserError(`${name}: line ${firstBadLine(bytes)} is not valid UTF-8; convert it first (iconv -t UTF-8)`)
}

/** Number of the line with the first bytes that are no character: where the text that was made of them differs. */
function firstBadLine(bytes: Buffer): number {
  const readable = Buffer.from(UTF8.decode(bytes))
  let line = 1
  for (let i = 0; bytes[i] === readable[i]; i++) if (bytes[i] === LINE_FEED) line++
  return line
}
