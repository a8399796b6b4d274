import { readdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'

/** A file as a user names it: quotes around it are not part of the name, and ~ is the home folder. */
export function pathOf(typed: string): string {
  const bare = /^(['"])(.*)\1$/s.exec(typed)?.[2] ?? typed.replace(/\\ /g, ' ')
  return bare === '~' || bare.startsWith('~/') ? join(homedir(), bare.slice(1)) : bare
}

/** Names that begin as the one that is typed, folders with a slash at the end; hidden ones only where a dot asks for them. */
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
