import { open } from 'node:fs/promises'
import { piecesOf, rowBytes } from '../../api/cache-pieces.js'
import type { CacheSnapshot, CacheTensor } from '../../api/session.js'
import { UserError } from '../../ground/errors.js'
import { type ByteSource, whileOpen } from '../../ground/files/byte-source.js'
import { crc32 } from '../../ground/platform/checksums.js'
import { readSafetensors } from '../../model/checkpoint/safetensors.js'
import { safetensorsHeader } from '../../model/checkpoint/safetensors-header.js'
import type { Tensor } from '../../model/checkpoint/tensor.js'

/*
 * A cache file is a safetensors file. Its tensors are `tokens` (I32, all ids), `checkpoints` (I32, positions; may be
 * empty), the tensors of the cache, and `crc32` (U8, 4 bytes): the CRC-32 of all bytes before it, little-endian. Its
 * metadata has the format, the key (see cache-key.ts) and the oldest position. The file is in this order, so that it is
 * written and read in one pass.
 */

const FORMAT = 'molm-prompt-cache'
const VERSION = '1'
const CRC_BYTES = 4
/** Beginning of the table of contents, which follows its length in 8 bytes. */
const BEGINNING = Buffer.from(`{"__metadata__":{"format":"${FORMAT}"`)
/** Maximum tokens of a cache: more than models can remember. */
const MOST_TOKENS = 2 ** 24

/** A cache file that is open, without its values. */
export interface CacheFile extends Omit<CacheSnapshot, 'read'> {
  key: string
  offsets: number[]
  head: Uint8Array
  source: ByteSource
}

/** Number of bytes of a snapshot's file, more or less. */
export function bytesOf({ tokens, tensors }: Pick<CacheSnapshot, 'tokens' | 'tensors'>): number {
  return tensors.reduce((sum, tensor) => sum + tensor.shape[0] * rowBytes(tensor), 4 * tokens.length)
}

export async function* cacheBytes(snapshot: CacheSnapshot, key: string): AsyncGenerator<Uint8Array> {
  const { tokens, checkpoints } = snapshot
  let crc = 0
  const counted = (bytes: Uint8Array) => {
    crc = crc32(bytes, crc)
    return bytes
  }
  yield counted(headerOf(snapshot, key))
  yield counted(viewed(tokens))
  yield counted(viewed(checkpoints))
  for (const { tensor, from, rows } of piecesOf(snapshot.tensors))
    yield counted(await snapshot.read(tensor, from, rows))
  yield viewed(Uint32Array.of(crc))
}

/** Whether a file was written as a cache, whole or not. */
export async function isCacheFile(path: string): Promise<boolean> {
  const file = await open(path).catch(() => undefined)
  if (!file) return false
  const read = () => file.read(Buffer.alloc(BEGINNING.length), 0, BEGINNING.length, 8)
  return BEGINNING.equals((await whileOpen(file, read)).buffer)
}

/** Reads the table of contents, tokens and checkpoints. Rejects with a UserError if it is no cache file of this version. */
export async function openCacheFile(source: ByteSource): Promise<CacheFile> {
  const { tensors, metadata } = await readSafetensors(source)
  if (metadata.format !== FORMAT || metadata.version !== VERSION) {
    throw new UserError(`${source.name}: not a prompt cache of this version of molm`)
  }
  const [tokens, checkpoints, ...rest] = tensors
  const crc = rest.pop()
  const isWhole = tokens?.name === 'tokens' && checkpoints?.name === 'checkpoints' && crc?.name === 'crc32'
  if (!isWhole || !rest.every(isOfCache)) throw new UserError(`${source.name}: the prompt cache is damaged`)
  const [first] = [...rest, crc]
  return {
    key: metadata.key ?? '',
    oldest: Number(metadata.oldest),
    tokens: await integers(tokens),
    checkpoints: await integers(checkpoints),
    tensors: rest.map(({ name, dtype, shape }) => ({ name, dtype, shape }) as CacheTensor),
    offsets: rest.map(({ offset }) => offset),
    head: await source.read(0, first.offset),
    source,
  }
}

/** The snapshot in a file, to be read in order; the last `read` rejects with a UserError for a wrong checksum. */
export function snapshotIn(file: CacheFile): CacheSnapshot {
  const { source, head, tensors, offsets } = file
  let crc = crc32(head)
  let at = head.length
  const end = source.size - CRC_BYTES
  return {
    ...file,
    async read(tensor, from, rows) {
      const size = rowBytes(tensors[tensor])
      const offset = offsets[tensor] + from * size
      if (offset !== at) throw new Error('the pieces of a prompt cache must be read in order')
      const bytes = await source.read(offset, rows * size)
      crc = crc32(bytes, crc)
      at += bytes.length
      if (at === end) await checkCrc(source, end, crc)
      return bytes
    },
  }
}

async function checkCrc(source: ByteSource, at: number, crc: number): Promise<void> {
  const bytes = await source.read(at, CRC_BYTES)
  if (new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true) === crc) return
  throw new UserError(`${source.name}: the prompt cache does not match its checksum`)
}

function headerOf({ tokens, checkpoints, tensors, oldest }: CacheSnapshot, key: string): Uint8Array {
  const all = [
    { name: 'tokens', dtype: 'I32', shape: [tokens.length] },
    { name: 'checkpoints', dtype: 'I32', shape: [checkpoints.length] },
    ...tensors,
    { name: 'crc32', dtype: 'U8', shape: [CRC_BYTES] },
  ] as const
  return safetensorsHeader(all, { format: FORMAT, version: VERSION, key, oldest: String(oldest) })
}

function isOfCache({ dtype, shape }: Tensor): boolean {
  return (dtype === 'F32' || dtype === 'BF16' || dtype === 'I8') && shape.length === 2
}

async function integers({ source, offset, shape, dtype }: Tensor): Promise<Int32Array> {
  if (dtype !== 'I32' || shape.length !== 1 || shape[0] > MOST_TOKENS)
    throw new UserError(`${source.name}: the prompt cache is damaged`)
  return new Int32Array((await source.read(offset, 4 * shape[0])).buffer)
}

function viewed({ buffer, byteOffset, byteLength }: NodeJS.ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}
