import { homedir } from 'node:os'
import { join } from 'node:path'

/** A path whose `~` a shell has left as it stands, as in --file=~/x: the user's own folder. */
export function expandHome(path: string): string {
  return path === '~' || path.startsWith('~/') ? join(homedir(), path.slice(1)) : path
}
