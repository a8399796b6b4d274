import { mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { codeOf, UserError } from '../errors.js'

/**
 * Makes a folder and its parents. Resolves with whether it is new; an existing one is fine. `mode` has the permissions of
 * a new folder, not of new parents. Goes step by step, because Node's recursive mkdir never returns if the parent exists
 * but nothing can be made in it, as in /proc. Rejects with a UserError if the system refuses.
 */
export async function makeFolder(path: string, mode?: number): Promise<boolean> {
  try {
    return await make(path, mode)
  } catch (error) {
    throw cannotWrite(path, error)
  }
}

async function make(path: string, mode?: number): Promise<boolean> {
  try {
    await mkdir(path, mode)
    return true
  } catch (error) {
    const code = codeOf(error)
    if (code === 'EEXIST' && (await isFolder(path))) return false
    if (code !== 'ENOENT' || dirname(path) === path) throw error
  }
  await make(dirname(path))
  await mkdir(path, mode).catch(async (error: unknown) => {
    // Another process may have made it meanwhile.
    if (codeOf(error) !== 'EEXIST' || !(await isFolder(path))) throw error
  })
  return true
}

/** The disk, or the user's share of it, is full. */
export class DiskFull extends UserError {
  constructor(readonly path: string) {
    super(`${path}: the disk is full; make room and run the same command again`)
  }
}

/** Turns an error of the file system into a UserError. Other errors, such as an abort, are returned unchanged. */
export function cannotWrite(path: string, error: unknown): unknown {
  if (!(error instanceof Error && 'syscall' in error)) return error
  const code = codeOf(error) ?? ''
  if (code === 'ENOSPC' || code === 'EDQUOT') return new DiskFull(path)
  return new UserError(`${path}: cannot be written (${REASONS[code] ?? error.message})`, { cause: error })
}

const REASONS: Record<string, string> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the file system is read-only',
  ENOTDIR: 'a part of the path is a file, not a folder',
  EEXIST: 'there is a file of that name',
  EISDIR: 'there is a folder of that name',
  ELOOP: 'it is a link',
  ENOENT: 'there is no such folder, nor can it be made',
}

async function isFolder(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined)
  return found?.isDirectory() ?? false
}
