import type { ByteSource } from '../checkpoint/byte-source.js'
import { UserError } from '../errors.js'
import type { HubClient, HubFile } from './client.js'

/** A file on the hub, read by ranges of it. */
export class RemoteFile implements ByteSource {
  readonly name: string
  readonly size: number
  onBytes: (count: number) => void = () => {}
  onRange: (start: number, bytes: Uint8Array) => void = () => {}

  constructor(
    private readonly file: HubFile,
    private readonly client: HubClient,
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
      this.onBytes(piece.length)
    }
    this.onRange(offset, bytes)
    return bytes
  }

  /** Throws a UserError when the range does not lie in the file. */
  checkRange(offset: number, length: number): void {
    if (offset >= 0 && length >= 0 && offset + length <= this.size) return
    throw new UserError(
      `${this.name}: bytes ${offset} to ${offset + length} lie outside the file of ${this.size} bytes`,
    )
  }

  async close(): Promise<void> {}
}
