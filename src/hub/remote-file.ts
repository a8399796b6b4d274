import type { ByteSource } from '../checkpoint/byte-source.js'
import { UserError } from '../errors.js'
import type { HubClient, HubFile } from './client.js'

/** Reports of what is read of a file on the hub. */
export interface ReadWatch {
  /** Bytes that have arrived. */
  onBytes?: (count: number) => void
  /** A range of the file called `name`, once all of it has arrived. */
  onRange?: (name: string, start: number, bytes: Uint8Array) => void
}

/** A file on the hub, read by ranges. */
export class RemoteFile implements ByteSource {
  readonly name: string
  readonly size: number

  constructor(
    private readonly file: HubFile,
    private readonly client: HubClient,
    private readonly watch: ReadWatch = {},
  ) {
    this.name = `${file.repo}/${file.name}`
    this.size = file.size
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    this.checkRange(offset, length)
    const bytes = new Uint8Array(length)
    let done = 0
    for await (const piece of this.client.bytes(this.file, offset, offset + length)) {
      bytes.set(piece, done)
      done += piece.length
      this.watch.onBytes?.(piece.length)
    }
    this.watch.onRange?.(this.name, offset, bytes)
    return bytes
  }

  /** Throws a UserError if the range is not in the file. */
  checkRange(offset: number, length: number): void {
    if (offset >= 0 && length >= 0 && offset + length <= this.size) return
    throw new UserError(
      `${this.name}: bytes ${offset} to ${offset + length} are outside the file of ${this.size} bytes`,
    )
  }

  async close(): Promise<void> {}
}
