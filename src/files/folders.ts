import { mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { codeOf, UserError } from '../errors.js'

/**
 * Makes a folder with all that lead to it. Resolves with whether it is new; one that is there already is fine. Step by
 * step, because Node's own recursive mkdir never returns where the system has a parent but makes nothing in it, as in
 * /proc.
 */
export async function makeFolder(path: string): Promise<boolean> {
  try {
    await mkdir(path)
    return true
  } catch (error) {
    const code = codeOf(error)
    if (code === 'EEXIST' && (await isFolder(path))) return false
    if (code !== 'ENOENT' || dirname(path) === path) throw error
  }
  await makeFolder(dirname(path))
  await mkdir(path).catch(async (error: unknown) => {
    // Another process may have made it in between.
    if (codeOf(error) !== 'EEXIST' || !(await isFolder(path))) throw error
  })
  return true
}

/** What the file system refuses is told to the user; other errors, such as an abort, are passed on. */
export function cannotWrite(path: string, error: unknown): unknown {
  if (!(error instanceof Error && 'syscall' in error)) return error
  return new UserError(`${path}: cannot be written (${error.message})`)
}

async function isFolder(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined)
  return found?.isDirectory() ?? false
}
