import { UserError } from '../../../ground/errors.js'
import type { SyncFile } from '../../../ground/platform/files.js'

/** Fills `target` from byte `offset` of an open file. Throws a UserError if it is too short. */
export function readFully(file: SyncFile, offset: number, target: Uint8Array): void {
  for (let done = 0; done < target.length; ) {
    const read = file.read(done === 0 ? target : target.subarray(done), offset + done)
    if (read === 0) throw new UserError(`${file.path}: the file became shorter while it was in use`)
    done += read
  }
}
