import { basename, dirname, join } from 'node:path'

/**
 * A file that stands beside an output while it is written. Its name is one that nobody else gives to a file, because it
 * is overwritten and removed without asking: a lock `yarn.lock` of an output `yarn` could be the user's own.
 */
export function sidecarPath(path: string, kind: 'lock' | 'again' | 'partial'): string {
  return join(dirname(path), `.molm-batch-${basename(path)}.${kind}`)
}
