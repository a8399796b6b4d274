import { homedir } from 'node:os'
import { join } from 'node:path'

/** Expands a `~` that the shell has left unchanged, as in --file=~/x, to the user's home folder. */
export function expandHome(path: string): string {
  return path === '~' || path.startsWith('~/') ? join(homedir(), path.slice(1)) : path
}
