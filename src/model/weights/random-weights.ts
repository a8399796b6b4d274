import { TableBlockBytes, TILE_ROWS, TileBytes } from '../../kernels/abi/formats.js'
import { isMxfp4, type WeightFormat } from '../packing/format/formats.js'
import type { Part, Piece } from '../packing/format/layout.js'

/** Size of the random bytes that all weights are cut from: more than a core's caches hold. */
const POOL_BYTES = 4 * 2 ** 20

/** Root mean square of the levels of uniformly random bits; MXFP4 counts them in halves, q4m from 7.5. */
const LEVEL_RMS: Record<WeightFormat, number> = {
  f32: 1,
  q8: 73,
  q4: 4.6,
  mxfp4: 5.9,
  mxfp4_f32: 5.9,
  q4m: 4.6,
  q3: 2.35,
  q2: 4.6,
}

/** Makes a pool of random bytes; every piece of weights is a run of it that begins at its own place. */
export function randomPool(seed = 1): Uint8Array {
  const words = new Uint32Array(POOL_BYTES / 4)
  let state = seed
  for (let i = 0; i < words.length; i++) {
    // xorshift32: quick, and random enough for weights that mean nothing.
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    words[i] = state
  }
  return new Uint8Array(words.buffer)
}

/**
 * Fills a part with random packed weights as large as trained ones: outputs have about unit variance, so that
 * activations stay finite through all layers and routers spread tokens over all experts. Stick-breaking attention then
 * visits some 30 keys; with `hasLongSticks`, thousands (long-sticks.ts).
 */
export function fillRandom(part: Part, target: Uint8Array, pool: Uint8Array, hasLongSticks = false): void {
  for (const piece of part.pieces) {
    const bytes = target.subarray(piece.offset, piece.offset + piece.bytes)
    const start = (hash(`${part.name} ${piece.name}`) % (POOL_BYTES / 64)) * 64
    if (piece.kind === 'vector') fillVector(piece, bytes)
    else if (piece.format === 'f32') fillFloats(piece, bytes, pool, start)
    else fillQuantised(piece, bytes, pool, start)
    if (hasLongSticks) lengthenSticks(piece, bytes)
  }
}

/**
 * Factor of a matrix's outputs over unit variance. Embeddings are large and the output of a block is small, so that
 * tokens stay unlike each other through all layers. Otherwise their common mean would grow and route all of them to the
 * same experts.
 */
function gainOf({ kind, name, cols }: Piece): number {
  if (kind === 'rows') return 16 * Math.sqrt(cols)
  return /^(\w+\.)?(output|down)/.test(name) ? 0.1 : 1
}

/** Sets weights of norms, of convolutions and other factors to 1, everything else (biases) to 0. */
function fillVector(piece: Piece, bytes: Uint8Array): void {
  const floats = new Float32Array(piece.bytes / 4)
  if (/(ln_|norm|taps|scale).*(?<!bias)$/.test(piece.name)) floats.fill(1, 0, piece.cols)
  bytes.set(new Uint8Array(floats.buffer))
}

function fillFloats(piece: Piece, bytes: Uint8Array, pool: Uint8Array, start: number): void {
  const floats = new Float32Array(piece.bytes / 4)
  const scale = (2 * gainOf(piece)) / Math.sqrt(piece.cols) / 128
  for (let i = 0; i < floats.length; i++) floats[i] = (pool[(start + i) % POOL_BYTES] - 127.5) * scale
  bytes.set(new Uint8Array(floats.buffer))
}

function fillQuantised(piece: Piece, bytes: Uint8Array, pool: Uint8Array, start: number): void {
  copyAround(bytes, pool, start)
  const scale = gainOf(piece) / Math.sqrt(piece.cols) / LEVEL_RMS[piece.format]
  // Scales of MXFP4 are powers of two: no fraction.
  const bits = bfloat16(scale) & (isMxfp4(piece.format) ? 0xff80 : 0xffff)
  // Scales: one a row at the head of a tile, one at the head of a table row's block. Minima follow the scales.
  const [block, scales] = piece.kind === 'rows' ? [TableBlockBytes.q8, 1] : [TileBytes[piece.format], TILE_ROWS]
  const head = [
    ...new Array<number>(scales).fill(bits),
    ...new Array<number>(piece.format === 'q4m' ? scales : 0).fill(bfloat16(-7.5 * scale)),
  ].flatMap((number) => [number & 255, number >> 8])
  for (let at = 0; at < bytes.length; at += block) bytes.set(head, at)
}

/** Upper half of a float: the next bfloat16 towards 0. */
function bfloat16(value: number): number {
  return new Uint16Array(new Float32Array([value]).buffer)[1]
}

function copyAround(target: Uint8Array, pool: Uint8Array, start: number): void {
  for (let done = 0, from = start; done < target.length; from = 0) {
    const count = Math.min(target.length - done, pool.length - from)
    target.set(pool.subarray(from, from + count), done)
    done += count
  }
}

/** FNV-1a of a name. */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193)
  return value >>> 0
}

/** Bias of the norm before attention: a part that all tokens have in common, too small to matter to the routers. */
const NORM_BIAS = 0.09

/** Formats whose levels can be made negative, by a change of each of their bytes. */
const NEGATIVE: Partial<Record<Piece['format'], (byte: number) => number>> = {
  q8: (byte) => byte | 0x80,
  // A level is a nibble less 8.
  q4: (byte) => byte & 0x77,
}

/**
 * Changes random weights so that the stick of stick-breaking attention lasts for thousands of keys. Its logits must be
 * clearly negative for every query and key. The keys of MoLM are the outputs of a norm, whose mean is its bias: here a
 * small positive number. Weights of queries become negative and make a larger negative number of it, so that logits are
 * about -8. What differs between tokens is about as large as before. Other pieces stay as they are.
 */
function lengthenSticks({ kind, name, format, cols }: Piece, bytes: Uint8Array): void {
  if (kind === 'vector' && name === 'ln_1.bias') {
    new Float32Array(bytes.buffer, bytes.byteOffset, cols).fill(NORM_BIAS)
  }
  const negative = NEGATIVE[format]
  if (!negative || name !== 'query') return
  for (let at = 0; at < bytes.length; at += TileBytes[format]) {
    // Two bytes a row are scales.
    for (let i = 2 * TILE_ROWS; i < TileBytes[format]; i++) bytes[at + i] = negative(bytes[at + i])
  }
}
