import { type Stats, statSync } from 'node:fs'
import { resolve, sep } from 'node:path'
import type { Model } from '../../api/model.js'
import { whileOpen } from '../../ground/files/byte-source.js'
import { expandHome } from '../../ground/files/home.js'
import { openLocalFile } from '../../ground/files/local-folder.js'
import { isGguf, MAGIC } from '../../model/gguf/file/split-names.js'
import { pulledFolder, shippedFolder, splitName } from '../folders/model-folders.js'

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

/** The word that loads a model again, from any folder: its name if it is pulled or built in, else its path. */
export function modelWord({ name, info }: Pick<Model, 'name' | 'info'>): string {
  // The copy of a GGUF file may be removed, or packed again under the same name.
  if (info.copy !== undefined && info.source !== undefined) return info.source
  const path = resolve(info.path)
  const { repository } = splitName(name)
  const isNamed = [pulledFolder(repository), shippedFolder(repository)].some(
    (folder) => path === folder || path.startsWith(folder + sep),
  )
  return isNamed || info.kind === 'random' ? name : path
}
