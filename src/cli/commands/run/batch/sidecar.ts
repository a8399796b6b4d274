import { basename, dirname, join } from 'node:path'

/**
 * The path of a file next to an output, used while the output is written. It is overwritten and removed without asking, so
 * the user must not have a file of that name: `yarn.lock` for an output `yarn` could be the user's own.
 */
export function sidecarPath(path: string, kind: 'lock' | 'again' | 'partial'): string {
  return join(dirname(path), `.molm-batch-${basename(path)}.${kind}`)
}
