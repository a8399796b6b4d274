import { UserError } from '../../ground/errors.js'
import type { ByteSource } from '../../ground/files/byte-source.js'
import { printable } from '../../ground/printable.js'
import { cutShort } from './tensor.js'

/** A file inside a zip archive, as the central directory describes it. */
export interface ZipEntry {
  name: string
  bytes: number
  compressed: boolean
  encrypted: boolean
  /** Byte offset of its local header, which precedes the data. */
  header: number
}

/** First bytes of a zip archive that has at least one entry. */
export const ZIP_SIGNATURE = 0x04034b50

const CENTRAL_SIGNATURE = 0x02014b50
const END_SIGNATURE = 0x06054b50
const ZIP64_LOCATOR_SIGNATURE = 0x07064b50
const ZIP64_END_SIGNATURE = 0x06064b50

const LOCAL_BYTES = 30
const CENTRAL_BYTES = 46
const END_BYTES = 22
const ZIP64_LOCATOR_BYTES = 20
const ZIP64_END_BYTES = 56
const LONGEST_COMMENT = 0xffff

/** Maximum bytes of the central directory: enough for hundreds of thousands of entries. */
const MOST_DIRECTORY_BYTES = 16 * 2 ** 20

/** A zip archive that is read by ranges. Only its directory is in memory. */
export class ZipArchive {
  private constructor(
    private readonly source: ByteSource,
    readonly entries: ReadonlyMap<string, ZipEntry>,
    /** Start of the central directory, and thus the end of all data. */
    private readonly dataEnd: number,
  ) {}

  /** Reads the central directory. Rejects with a UserError if it is missing or damaged. */
  static async open(source: ByteSource): Promise<ZipArchive> {
    const directory = await findDirectory(source)
    const bytes = await source.read(directory.offset, directory.bytes)
    return new ZipArchive(source, parseDirectory(source, bytes, directory.count), directory.offset)
  }

  /**
   * Byte offset of an entry's data in the source. Reads the local header, because only that has the padding that aligns
   * the data. Rejects with a UserError if the data is encrypted, compressed or damaged.
   */
  async locate(entry: ZipEntry): Promise<number> {
    const name = printable(entry.name)
    if (entry.encrypted) throw new UserError(`${this.source.name}: ${name} is encrypted`)
    if (entry.compressed) throw damaged(this.source, `${name} is compressed, which torch.save never does`)
    if (entry.header + LOCAL_BYTES > this.dataEnd) throw damaged(this.source, `${name} is outside the file`)
    const header = viewOf(await this.source.read(entry.header, LOCAL_BYTES))
    if (header.getUint32(0, true) !== ZIP_SIGNATURE) throw damaged(this.source, `${name} is not at its place`)
    const offset = entry.header + LOCAL_BYTES + header.getUint16(26, true) + header.getUint16(28, true)
    if (offset + entry.bytes > this.dataEnd) throw damaged(this.source, `${name} reaches past the end of the data`)
    return offset
  }

  /** Reads a small entry's data. Rejects with a UserError if it has more than `most` bytes. */
  async read(entry: ZipEntry, most: number): Promise<Uint8Array> {
    if (entry.bytes > most) {
      throw new UserError(
        `${this.source.name}: ${printable(entry.name)} has ${entry.bytes} bytes, at most ${most} are read`,
      )
    }
    return this.source.read(await this.locate(entry), entry.bytes)
  }
}

interface Directory {
  offset: number
  bytes: number
  count: number
}

/** Finds the central directory by the record at the end of the file, or by its zip64 form if that is present. */
async function findDirectory(source: ByteSource): Promise<Directory> {
  const tailBytes = Math.min(source.size, END_BYTES + LONGEST_COMMENT)
  const tail = viewOf(await source.read(source.size - tailBytes, tailBytes))
  const inTail = findEndRecord(tail)
  if (inTail < 0) throw cutShort(source, 'its zip directory is missing')
  const end = source.size - tailBytes + inTail
  const directory = (await findZip64Directory(source, end)) ?? {
    count: tail.getUint16(inTail + 10, true),
    bytes: tail.getUint32(inTail + 12, true),
    offset: tail.getUint32(inTail + 16, true),
  }
  if (!(directory.offset + directory.bytes <= end)) throw damaged(source, 'its zip directory is outside the file')
  if (directory.bytes > MOST_DIRECTORY_BYTES || directory.count * CENTRAL_BYTES > directory.bytes) {
    throw damaged(source, `a zip directory of ${directory.bytes} bytes cannot hold ${directory.count} entries`)
  }
  return directory
}

/** Finds the end record, whose comment ends with the file, in the last bytes of a file; -1 if there is none. */
function findEndRecord(tail: DataView): number {
  for (let at = tail.byteLength - END_BYTES; at >= 0; at--) {
    const isEnd = tail.getUint32(at, true) === END_SIGNATURE
    if (isEnd && at + END_BYTES + tail.getUint16(at + 20, true) === tail.byteLength) return at
  }
  return -1
}

/** Finds the directory by its 64-bit record, which torch.save writes even if the old record would do. */
async function findZip64Directory(source: ByteSource, end: number): Promise<Directory | undefined> {
  if (end < ZIP64_LOCATOR_BYTES) return undefined
  const locator = viewOf(await source.read(end - ZIP64_LOCATOR_BYTES, ZIP64_LOCATOR_BYTES))
  if (locator.getUint32(0, true) !== ZIP64_LOCATOR_SIGNATURE) return undefined
  const offset = Number(locator.getBigUint64(8, true))
  if (!(offset + ZIP64_END_BYTES <= end)) throw damaged(source, 'its zip64 directory record is outside the file')
  const record = viewOf(await source.read(offset, ZIP64_END_BYTES))
  if (record.getUint32(0, true) !== ZIP64_END_SIGNATURE) throw damaged(source, 'its zip64 directory record is missing')
  return {
    count: Number(record.getBigUint64(32, true)),
    bytes: Number(record.getBigUint64(40, true)),
    offset: Number(record.getBigUint64(48, true)),
  }
}

function parseDirectory(source: ByteSource, bytes: Uint8Array, count: number): Map<string, ZipEntry> {
  const view = viewOf(bytes)
  const text = new TextDecoder()
  const entries = new Map<string, ZipEntry>()
  let at = 0
  for (let i = 0; i < count; i++) {
    if (at + CENTRAL_BYTES > bytes.length || view.getUint32(at, true) !== CENTRAL_SIGNATURE) {
      throw damaged(source, 'its zip directory is broken')
    }
    const nameEnd = at + CENTRAL_BYTES + view.getUint16(at + 28, true)
    const extraEnd = nameEnd + view.getUint16(at + 30, true)
    const next = extraEnd + view.getUint16(at + 32, true)
    if (next > bytes.length) throw damaged(source, 'its zip directory is broken')
    const name = text.decode(bytes.subarray(at + CENTRAL_BYTES, nameEnd))
    // With two entries of the same name a file could show one thing to a checker and another to its reader.
    if (entries.has(name)) throw damaged(source, `it holds ${printable(name)} twice`)
    const [size, , header] = wideFields(view, at, nameEnd, extraEnd)
    if (!Number.isSafeInteger(size) || !Number.isSafeInteger(header))
      throw damaged(source, 'its zip directory is broken')
    const flags = view.getUint16(at + 8, true)
    const compressed = view.getUint16(at + 10, true) !== 0
    entries.set(name, { name, bytes: size, compressed, encrypted: (flags & 1) !== 0, header })
    at = next
  }
  return entries
}

/**
 * Reads an entry's size, compressed size and header offset. If a 32-bit field is all ones, its value is 64 bits in the
 * extra field with id 1, which holds only the values that need it, in this order.
 */
function wideFields(view: DataView, at: number, extraStart: number, extraEnd: number): number[] {
  const fields = [view.getUint32(at + 24, true), view.getUint32(at + 20, true), view.getUint32(at + 42, true)]
  for (let extra = extraStart; extra + 4 <= extraEnd; extra += 4 + view.getUint16(extra + 2, true)) {
    if (view.getUint16(extra, true) !== 1) continue
    const end = Math.min(extraEnd, extra + 4 + view.getUint16(extra + 2, true))
    let wide = extra + 4
    return fields.map((field) => {
      if (field !== 0xffffffff || wide + 8 > end) return field
      wide += 8
      return Number(view.getBigUint64(wide - 8, true))
    })
  }
  return fields
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function damaged(source: ByteSource, why: string): UserError {
  return new UserError(`${source.name}: the archive is damaged (${why}); fetch it again`)
}
