import { readSync } from 'node:fs'
import { UserError } from '../errors.js'

/** Fills `target` from an open file; a file that ends before is an error that names `path`. */
export function readFully(descriptor: number, path: string, offset: number, target: Uint8Array): void {
  for (let done = 0; done < target.length; ) {
    const read = readSync(descriptor, target, done, target.length - done, offset + done)
    if (read === 0) throw new UserError(`${path}: the file became shorter while it was in use`)
    done += read
  }
}
