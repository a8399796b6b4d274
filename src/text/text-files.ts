import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { UserError } from '../errors.js'
import { parseJsonObject } from '../json.js'
import { printable } from '../printable.js'

/** The bytes of a file, undefined where there is no such file. Rejects with a UserError when it cannot be read. */
export async function readIfPresent(dir: string, file: string): Promise<Uint8Array | undefined> {
  const path = join(dir, file)
  try {
    return await readFile(path)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw new UserError(`${path}: cannot be read (${reasonOf(error)})`)
  }
}

/** A JSON object from a file, undefined where there is no such file. Rejects with a UserError that names the file. */
export async function readJsonIfPresent(dir: string, file: string): Promise<Record<string, unknown> | undefined> {
  const bytes = await readIfPresent(dir, file)
  return bytes && parseJsonObject(bytes, join(dir, file))
}

/** What an error says, fit for one line of another message. */
export function reasonOf(error: unknown): string {
  return printable(error instanceof Error ? error.message : String(error))
}
