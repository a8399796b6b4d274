import { joinBytes, littleEndian } from './bytes.js'

export interface ZipFile {
  name: string
  bytes: Uint8Array | string
  /** Compression method in the headers: 0 stored, 8 deflated. The bytes are never compressed. */
  method?: number
  flags?: number
}

/**
 * A zip archive as torch.save writes it: stored entries, with data aligned to 64 bytes by padding in the local header,
 * sizes only in the central directory, and a zip64 end record before the ordinary one.
 *
 * @param wide puts every size and offset in its 64-bit field, as in archives beyond 4 GiB
 * @param zip64 whether to write the zip64 end record
 */
export function zip(files: readonly ZipFile[], { wide = false, zip64 = true, comment = '' } = {}): Uint8Array {
  const locals: Uint8Array[] = []
  const central: Uint8Array[] = []
  let at = 0
  for (const { name, bytes, method = 0, flags = 0x0808 } of files) {
    const data = joinBytes(bytes)
    const nameBytes = new TextEncoder().encode(name)
    const padding = (64 - ((at + 30 + nameBytes.length + 4) % 64)) % 64
    const header = joinBytes(
      'PK\x03\x04',
      [...littleEndian(0, 2), ...littleEndian(flags, 2), ...littleEndian(method, 2)],
      new Uint8Array(16),
      [...littleEndian(nameBytes.length, 2), ...littleEndian(4 + padding, 2)],
      nameBytes,
      joinBytes('FB', littleEndian(padding, 2), 'Z'.repeat(padding)),
    )
    const field = (value: number) => littleEndian(wide ? 0xffffffff : value, 4)
    const extra = wide ? [data.length, data.length, at].flatMap((value) => littleEndian(value, 8)) : []
    const extraField = wide ? [...littleEndian(1, 2), ...littleEndian(extra.length, 2), ...extra] : []
    central.push(
      joinBytes(
        'PK\x01\x02',
        [0, 0, 0, 0, ...littleEndian(flags, 2), ...littleEndian(method, 2), 0, 0, 0, 0, 0, 0, 0, 0],
        [...field(data.length), ...field(data.length)],
        [...littleEndian(nameBytes.length, 2), ...littleEndian(extraField.length, 2), ...new Array(10).fill(0)],
        [...field(at), ...nameBytes, ...extraField],
      ),
    )
    locals.push(header, data)
    at += header.length + data.length
  }
  const directory = joinBytes(...central)
  const end = at + directory.length
  const count = littleEndian(files.length, 8)
  const place = [...littleEndian(directory.length, 8), ...littleEndian(at, 8)]
  const zip64End = joinBytes('PK\x06\x06', littleEndian(44, 8), new Uint8Array(12), count, count, place)
  const locator = joinBytes('PK\x06\x07', littleEndian(0, 4), littleEndian(end, 8), littleEndian(1, 4))
  const narrow = wide
    ? new Array(12).fill(0xff)
    : [count.slice(0, 2), count.slice(0, 2), place.slice(0, 4), place.slice(8, 12)].flat()
  return joinBytes(
    ...locals,
    directory,
    zip64 ? joinBytes(zip64End, locator) : [],
    joinBytes('PK\x05\x06', [0, 0, 0, 0], narrow, littleEndian(comment.length, 2), comment),
  )
}
