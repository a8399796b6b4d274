import { padded } from '#molm/kernels/memory/formats.js'
import type { PackRequest } from '#molm/model/packing/write/pack.js'
import { integers } from './random.js'

/*
 * Plain reference implementation of MXFP4 as checkpoints store it, independent of the library.
 */

/** Values of the 4-bit floats. */
const VALUES = [0, 0.5, 1, 1.5, 2, 3, 4, 6, -0, -0.5, -1, -1.5, -2, -3, -4, -6]

/** Bytes of MXFP4 weights [rows, cols]: 16 for each block of 32 columns, and one of scale. */
export interface Mxfp4 {
  blocks: Uint8Array
  scales: Uint8Array
}

/** Values of weights in double precision, rows x cols. */
export function mxfp4Values({ blocks, scales }: Mxfp4): Float64Array {
  return Float64Array.from({ length: 2 * blocks.length }, (_, i) => {
    const byte = blocks[i >> 1]
    const scale = scales[i >> 5]
    return scale === 255 ? Number.NaN : VALUES[i & 1 ? byte >> 4 : byte & 15] * 2 ** (scale - 127)
  })
}

/** Random weights of all values. Their scales are from `least` to `most`. */
export function randomMxfp4(
  rows: number,
  cols: number,
  seed: number,
  [least, most]: readonly number[] = [118, 125],
): Mxfp4 {
  return {
    blocks: Uint8Array.from(integers((rows * cols) / 2, seed, 256)),
    scales: Uint8Array.from(integers((rows * cols) / 32, seed + 1, most - least + 1), (n) => least + n),
  }
}

/** Rounds weights to MXFP4. Columns beyond the last are zero. */
export function toMxfp4(weights: Float32Array, rows: number, cols: number): Mxfp4 {
  const width = padded(cols)
  const [blocks, scales] = [new Uint8Array((rows * width) / 2), new Uint8Array((rows * width) / 32)]
  for (let b = 0; b < scales.length; b++) {
    const [row, first] = [Math.floor((b * 32) / width), (b * 32) % width]
    const x = Array.from({ length: 32 }, (_, i) => (first + i < cols ? weights[row * cols + first + i] : 0))
    const most = Math.max(...x.map(Math.abs))
    scales[b] = most === 0 ? 127 : Math.floor(Math.log2(most)) - 2 + 127
    for (const [i, value] of x.entries()) {
      const scaled = value / 2 ** (scales[b] - 127)
      const nearest = VALUES.reduce(
        (best, v, n) => (Math.abs(v - scaled) < Math.abs(VALUES[best] - scaled) ? n : best),
        0,
      )
      blocks[b * 16 + (i >> 1)] |= nearest << (4 * (i & 1))
    }
  }
  return { blocks, scales }
}

/** Packer's request for MXFP4 weights. */
export function mxfp4Request(
  { blocks, scales }: Mxfp4,
  rows: number,
  cols: number,
  format: 'mxfp4' | 'mxfp4_f32' = 'mxfp4',
): PackRequest {
  return {
    bytes: blocks.slice(),
    dtype: 'U8',
    firstElement: 0,
    rows,
    cols,
    rowStride: cols / 2,
    colStride: 1,
    kind: 'matrix',
    format,
    scales: { bytes: scales.slice(), rowStride: cols / 32 },
  }
}
