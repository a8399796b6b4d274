import { homedir } from 'node:os'
import { join, resolve } from 'node:path'

/** Expands a `~` that the shell has left unchanged, as in --file=~/x, to the user's home folder. */
export function expandHome(path: string): string {
  return path === '~' || path.startsWith('~/') ? join(homedir(), path.slice(1)) : path
}

/** Writes the user's home folder at the beginning of a path as `~`. */
export function shortenHome(path: string): string {
  return path.startsWith(`${homedir()}/`) ? `~${path.slice(homedir().length)}` : path
}

/** Folder of everything that molm keeps: $MOLM_HOME, else `molm` in the user's data folder. */
export function molmHome(env: NodeJS.ProcessEnv = process.env): string {
  if (env.MOLM_HOME) return resolve(expandHome(env.MOLM_HOME))
  return join(env.XDG_DATA_HOME || join(homedir(), '.local', 'share'), 'molm')
}

/** File of settings: in $MOLM_HOME, which then has all that is molm's, else in the user's folder of settings. */
export function settingsPath(env: NodeJS.ProcessEnv = process.env): string {
  const folder = env.MOLM_HOME ? molmHome(env) : join(env.XDG_CONFIG_HOME || join(homedir(), '.config'), 'molm')
  return join(folder, 'config.json')
}
