import { isUtf8 } from 'node:buffer'
import { UserError } from '../errors.js'
import { type NamedText, readText } from '../evaluation/text-file.js'
import { expandHome } from '../files/home.js'
import { interruptSignal } from './interrupt.js'
import { readStdin, STDIN } from './stdin.js'

/** A text to be measured on, to the byte: from a file, or from stdin where it is called `-`. */
export async function readTextOrStdin(path: string): Promise<NamedText> {
  return path === STDIN ? { name: 'stdin', text: await readStdinText() } : readText(expandHome(path))
}

/** All of stdin as text. Rejects with a UserError where it is none. */
export async function readStdinText(): Promise<string> {
  const bytes = await readStdin(interruptSignal())
  if (!isUtf8(bytes)) throw new UserError('stdin is not a text in UTF-8')
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
}
