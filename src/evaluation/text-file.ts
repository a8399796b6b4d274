import { isUtf8 } from 'node:buffer'
import { readFile } from 'node:fs/promises'
import { UserError } from '../errors.js'

/** A text to be measured on. */
export interface NamedText {
  /** What results and errors call it: its file. */
  name: string
  text: string
}

// A byte-order mark is part of the text: it is tokenised and counted like the rest.
const UTF8 = new TextDecoder('utf-8', { ignoreBOM: true })
const LINE_FEED = 10

/**
 * Reads a text to the byte. Rejects with a UserError when there is no such file or when it is not UTF-8: replacing what
 * cannot be read would measure another text.
 */
export async function readText(path: string): Promise<NamedText> {
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') throw new UserError(`${path}: no such file`)
    if (error.code === 'EISDIR') throw new UserError(`${path}: is a folder; give the text files in it`)
    throw new UserError(`${path}: cannot be read (${error.code})`)
  })
  return namedText(path, bytes)
}

/** The bytes as text. Throws a UserError where they are not UTF-8. */
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
