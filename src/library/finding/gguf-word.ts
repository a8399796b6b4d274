import { type Stats, statSync } from 'node:fs'
import { whileOpen } from '../../ground/files/byte-source.js'
import { expandHome } from '../../ground/files/home.js'
import { openLocalFile } from '../../ground/files/local-folder.js'
import { isGguf, MAGIC } from '../../model/gguf/split-names.js'
import { splitName } from '../packing/model-folders.js'

/** Whether a file is GGUF, by its name or its first bytes: ollama stores such files without an ending. */
export async function isGgufFile(path: string): Promise<boolean> {
  if (isGguf(path)) return true
  const source = await openLocalFile(path).catch(() => undefined)
  if (!source) return false
  const bytes = await whileOpen(source, () => source.read(0, Math.min(MAGIC.length, source.size)))
  return new TextDecoder().decode(bytes) === MAGIC
}

/** Whether a user's word for a model is a GGUF file, with or without a packing after a colon. */
export async function isGgufWord(word: string): Promise<boolean> {
  const name = expandHome(word)
  for (const path of [name, splitName(name).repository]) {
    const found = statusOf(path)
    if (found) return found.isFile() && (await isGgufFile(path))
  }
  return false
}

/** Synchronous: a chat asks before it takes the terminal, and what is typed meanwhile would reach the shell. */
function statusOf(path: string): Stats | undefined {
  try {
    return statSync(path)
  } catch {
    return undefined
  }
}
