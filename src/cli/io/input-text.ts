import { basename } from 'node:path'
import { expandHome } from '../../ground/files/home.js'
import { type NamedText, namedText, readText } from '../../insight/texts/text-file.js'
import { interruptSignal } from './interrupt.js'
import { readStdin, STDIN } from './stdin.js'

/** Reads a text byte for byte, from a file or from stdin (`-`). */
export async function readTextOrStdin(path: string): Promise<NamedText> {
  return path === STDIN ? namedText('stdin', await readStdin(interruptSignal())) : readText(expandHome(path))
}

/** The name of a text's file, or its path if another of the texts has the same name. */
export function shortName(path: string, paths: readonly string[]): string {
  const isTwice = paths.filter((other) => basename(other) === basename(path)).length > 1
  return isTwice ? path : basename(path)
}
