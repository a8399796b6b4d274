import { readdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { attachedText } from '../../chat/conversations/attached-text.js'
import { expandHome } from '../../ground/files/home.js'
import { openLocalFile } from '../../ground/files/local-folder.js'

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
    return await attachedText(path, source.size, () => source.read(0, source.size))
  } finally {
    await source.close()
  }
}
