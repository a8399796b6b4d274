import { type NamedText, namedText, readText } from '../../evaluation/text-file.js'
import { expandHome } from '../../files/home.js'
import { interruptSignal } from './interrupt.js'
import { readStdin, STDIN } from './stdin.js'

/** A text to be measured on, to the byte: from a file, or from stdin where it is called `-`. */
export async function readTextOrStdin(path: string): Promise<NamedText> {
  return path === STDIN ? namedText('stdin', await readStdin(interruptSignal())) : readText(expandHome(path))
}
