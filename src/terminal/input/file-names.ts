import { readdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { expandHome } from '../../ground/files/home.js'

/** The path that a user typed. Quotes around it are not part of the name, and ~ is the home folder. */
export function pathOf(typed: string): string {
  return expandHome(/^(['"])(.*)\1$/s.exec(typed)?.[2] ?? typed.replace(/\\ /g, ' '))
}

/** Paths that begin as the typed one. Folders end with a slash; hidden files are listed only after a dot. */
export function fileNames(typed: string): string[] {
  const folder = typed.includes('/') ? typed.slice(0, typed.lastIndexOf('/') + 1) : ''
  const begun = typed.slice(folder.length)
  try {
    return readdirSync(pathOf(folder === '' ? '.' : folder === '/' ? '/' : dirname(`${folder}.`)), {
      withFileTypes: true,
    })
      .filter(({ name }) => name.startsWith(begun) && (begun.startsWith('.') || !name.startsWith('.')))
      .map((entry) => `${folder}${entry.name}${entry.isDirectory() ? '/' : ''}`)
      .sort()
  } catch {
    return []
  }
}
