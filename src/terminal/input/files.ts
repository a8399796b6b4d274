import { isUtf8 } from 'node:buffer'
import { readdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { UserError } from '../../ground/errors.js'
import { expandHome } from '../../ground/files/home.js'
import { openLocalFile } from '../../ground/files/local-folder.js'
import { formatBytes } from '../../ground/numbers.js'

/** Maximum bytes of a text: about a million tokens, more than a model's context. */
const MOST_BYTES = 4e6

/** The path that a user typed. Quotes around it are not part of the name, and ~ is the home folder. */
export function pathOf(typed: string): string {
  return expandHome(/^(['"])(.*)\1$/s.exec(typed)?.[2] ?? typed.replace(/\\ /g, ' '))
}

/** Paths that begin as the typed one. Folders end with a slash; hidden files are listed only after a dot. */
export function fileNames(typed: string): string[] {
  const folder = typed.includes('/') ? typed.slice(0, typed.lastIndexOf('/') + 1) : ''
  const start = typed.slice(folder.length)
  try {
    return readdirSync(pathOf(dirname(`${folder || './'}.`)), { withFileTypes: true })
      .filter(({ name }) => name.startsWith(start) && (start.startsWith('.') || !name.startsWith('.')))
      .map((entry) => `${folder}${entry.name}${entry.isDirectory() ? '/' : ''}`)
      .sort()
  } catch {
    return []
  }
}

/** Reads the text of a file, without its last line break. Rejects with a UserError if it is too long, or no text. */
export async function readTextFile(path: string): Promise<string> {
  const source = await openLocalFile(path)
  try {
    const { size } = source
    if (size > MOST_BYTES) {
      const [bytes, most] = [size, MOST_BYTES].map(formatBytes)
      throw new UserError(`${path}: ${bytes} are too much for a message, which takes ${most}`)
    }
    const bytes = await source.read(0, size)
    const text = new TextDecoder().decode(bytes)
    if (!isUtf8(bytes) || text.includes('\0')) throw new UserError(`${path}: not a text in UTF-8`)
    return text.replace(/\r?\n$/, '')
  } finally {
    await source.close()
  }
}
