// The GGUF format, as far as bench/make-gguf.mjs needs it: metadata, tensors of random weights.
import { randomFillSync } from 'node:crypto'
import { closeSync, openSync, writeSync } from 'node:fs'

/**
 * Formats of tensors: GGUF's id, weights and bytes of a block, and the bytes of a block's scale for weights of about
 * `size` in root mean square.
 */
export const FORMATS = {
  F32: { type: 0, block: 1, bytes: 4 },
  Q4_0: { type: 2, block: 32, bytes: 18, scale: (size) => Buffer.from(new Uint16Array([half(size / 4.2)]).buffer) },
  MXFP4: { type: 39, block: 32, bytes: 17, scale: (size) => Buffer.of(127 + Math.round(Math.log2(size / 2.9))) },
}

const [U32, I32, F32, FLAG, STRING, LIST] = [4, 5, 6, 7, 8, 9]
const ALIGNMENT = 32
const POOL_BLOCKS = 2 ** 20

const text = (value) => {
  const bytes = Buffer.from(value)
  return Buffer.concat([u64(bytes.length), bytes])
}
const u64 = (value) => Buffer.from(new BigUint64Array([BigInt(value)]).buffer)
const u32 = (value) => Buffer.from(new Uint32Array([value]).buffer)
const f32 = (value) => Buffer.from(new Float32Array([value]).buffer)

/** Metadata of a file. Single integers are u32, those of a list i32. */
export class Metadata {
  pairs = []

  integer(key, value) {
    this.pairs.push(Buffer.concat([text(key), u32(U32), u32(value)]))
  }

  float(key, value) {
    this.pairs.push(Buffer.concat([text(key), u32(F32), f32(value)]))
  }

  flag(key, value) {
    this.pairs.push(Buffer.concat([text(key), u32(FLAG), Buffer.of(Number(value))]))
  }

  string(key, value) {
    this.pairs.push(Buffer.concat([text(key), u32(STRING), text(value)]))
  }

  integers(key, values) {
    this.list(key, I32, values.map(u32))
  }

  strings(key, values) {
    this.list(key, STRING, values.map(text))
  }

  list(key, type, items) {
    this.pairs.push(Buffer.concat([text(key), u32(LIST), u32(type), u64(items.length), ...items]))
  }
}

/**
 * Writes a file. A tensor has a name, `dims` with the length of its rows first, a format and the size of its weights;
 * vectors of F32 have this size exactly. Returns the bytes of all tensors.
 */
export function writeFile(path, metadata, tensors) {
  let offset = 0
  const infos = tensors.map((tensor) => {
    const { name, dims, format } = tensor
    const at = offset
    offset += Math.ceil(bytesOf(tensor) / ALIGNMENT) * ALIGNMENT
    return Buffer.concat([text(name), u32(dims.length), ...dims.map(u64), u32(format.type), u64(at)])
  })
  const { pairs } = metadata
  const head = [Buffer.from('GGUF'), u32(3), u64(tensors.length), u64(pairs.length), ...pairs, ...infos]
  const file = openSync(path, 'w')
  write(file, Buffer.concat(head))
  for (const tensor of tensors) {
    if (tensor.format === FORMATS.F32) write(file, floats(tensor))
    else writeBlocks(file, tensor)
  }
  closeSync(file)
  return offset
}

function count({ dims }) {
  return dims.reduce((product, n) => product * n, 1)
}

function bytesOf(tensor) {
  return (count(tensor) / tensor.format.block) * tensor.format.bytes
}

/** Writes bytes and their padding. */
function write(file, bytes) {
  for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done)
  pad(file, bytes.length)
}

function pad(file, size) {
  writeSync(file, Buffer.alloc((ALIGNMENT - (size % ALIGNMENT)) % ALIGNMENT))
}

function floats(tensor) {
  const isVector = Math.max(...tensor.dims) === count(tensor)
  const random = () => (Math.random() - 0.5) * Math.sqrt(12) * tensor.size
  return Buffer.from(Float32Array.from({ length: count(tensor) }, isVector ? () => tensor.size : random).buffer)
}

/** Random weights, none at the lowest of 16 levels: so their mean is 0, and routers can tell tokens apart in all layers. */
const pool = randomFillSync(Buffer.alloc(POOL_BLOCKS * 18)).map((byte) => {
  const [low, high] = [byte & 15, byte & 240]
  return (low || 8) | (high || 128)
})

function writeBlocks(file, tensor) {
  const { bytes, scale } = tensor.format
  const start = scale(tensor.size)
  for (let block = 0; block < POOL_BLOCKS; block++) start.copy(pool, block * bytes)
  const all = pool.subarray(0, POOL_BLOCKS * bytes)
  // Tensors begin at different blocks, so that no two are equal.
  let at = bytes * Math.floor(Math.random() * POOL_BLOCKS)
  for (let left = bytesOf(tensor); left > 0; ) {
    const written = writeSync(file, all, at, Math.min(left, all.length - at))
    left -= written
    at = (at + written) % all.length
  }
  pad(file, bytesOf(tensor))
}

/** Bits of a positive number in half precision. */
function half(value) {
  const exponent = Math.floor(Math.log2(value))
  if (exponent < -14) return Math.round(value * 2 ** 24)
  return ((exponent + 15) << 10) | Math.round((value / 2 ** exponent - 1) * 1024)
}
