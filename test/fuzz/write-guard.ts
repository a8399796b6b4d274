import fs from 'node:fs'
import promises from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { basename, dirname, join, resolve, sep } from 'node:path'

/*
 * Records every write of this process outside the allowed folders, by wrapping the functions of node:fs. Links are
 * followed first: a write through a link counts at the link's target.
 */

let allowed: readonly string[] | undefined
let outside: string[] = []

/** Functions that write, with the argument indices of the paths that they write to. */
const WRITERS: Record<string, number[]> = {
  ...{ writeFile: [0], appendFile: [0], truncate: [0], mkdir: [0], rm: [0], rmdir: [0], unlink: [0], utimes: [0] },
  ...{ chmod: [0], chown: [0], mkdtemp: [0], rename: [0, 1], copyFile: [1], cp: [1], symlink: [1], link: [1] },
}

/** Starts recording. Writes in the folders of `mayWrite` are allowed until `endWatch`. */
export function beginWatch(mayWrite: readonly string[]): void {
  allowed = mayWrite.map((dir) => realPath(dir))
  outside = []
}

/** Stops recording, and returns the paths written outside the allowed folders. */
export function endWatch(): string[] {
  allowed = undefined
  return outside
}

/** Installs the wrappers. Called once per process. */
export function installWriteGuard(): void {
  for (const [name, places] of Object.entries(WRITERS)) {
    for (const [holder, key] of [
      [promises, name],
      [fs, name],
      [fs, `${name}Sync`],
    ] as [object, string][]) {
      wrap(holder, key, (args) => {
        for (const place of places) note(args[place], name)
      })
    }
  }
  for (const [holder, key] of [
    [promises, 'open'],
    [fs, 'open'],
    [fs, 'openSync'],
  ] as [object, string][]) {
    wrap(holder, key, ([path, flags]) => {
      if (mayWriteWith(flags)) note(path, 'open')
    })
  }
  wrap(fs, 'createWriteStream', ([path]) => note(path, 'createWriteStream'))
  syncBuiltinESMExports()
}

function wrap(holder: object, key: string, before: (args: unknown[]) => void): void {
  const functions = holder as Record<string, (...args: unknown[]) => unknown>
  const original = functions[key]
  functions[key] = function (this: unknown, ...args: unknown[]) {
    if (allowed) before(args)
    return original.apply(this, args)
  }
}

function mayWriteWith(flags: unknown): boolean {
  if (typeof flags === 'number')
    return (flags & (fs.constants.O_WRONLY | fs.constants.O_RDWR | fs.constants.O_CREAT)) !== 0
  return typeof flags === 'string' && /[wa+]/.test(flags)
}

function note(path: unknown, how: string): void {
  if (typeof path !== 'string' && !(path instanceof URL) && !Buffer.isBuffer(path)) return
  const text = path instanceof URL ? path.pathname : String(path)
  // Removing or creating a link affects the link itself; other writes affect its target.
  const real = ['unlink', 'rm', 'rename', 'symlink', 'link'].includes(how) ? realParent(text) : realPath(text)
  if (!allowed?.some((dir) => real === dir || real.startsWith(dir + sep))) outside.push(`${how} ${real}`)
}

function realPath(path: string): string {
  try {
    return fs.realpathSync.native(resolve(path))
  } catch {
    return realParent(path)
  }
}

function realParent(path: string): string {
  const whole = resolve(path)
  const parent = dirname(whole)
  return parent === whole ? whole : join(realPath(parent), basename(whole))
}
