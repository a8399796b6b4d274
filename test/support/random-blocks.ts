import { seededRandom } from '#molm/engine/sampling/random.js'
import { type BlockType, blockOf } from '#molm/model/checkpoint/dtype.js'

/** Byte offsets of the halves in a block. */
const HALVES: Readonly<Record<BlockType, number[]>> = {
  Q4_0: [0],
  Q4_1: [0, 2],
  Q5_0: [0],
  Q5_1: [0, 2],
  Q8_0: [0],
  Q4_K: [0, 2],
  Q5_K: [0, 2],
  Q6_K: [208],
  IQ4_NL: [0],
  MXFP4: [],
}

export const BLOCK_TYPES = Object.keys(HALVES) as BlockType[]

/** Halves of every kind: subnormal, zero, small, large, of both signs. */
const SCALES = [0x0001, 0x8003, 0x03ff, 0x83ff, 0x0000, 0x8000, 0x0400, 0x1234, 0x9555, 0x2c00, 0xac01, 0x7bff, 0xfbff]

/**
 * Random blocks. Their scales and minima are finite halves: one of SCALES in every other block, else any. `half`
 * chooses them instead. Exponents of MXFP4 are below 253, so that every weight is finite.
 */
export function randomBlocks(dtype: BlockType, count: number, seed: number, half?: (i: number) => number): Uint8Array {
  const random = seededRandom(seed)
  const below = (n: number) => Math.floor(random.nextFloat() * n)
  const size = blockOf(dtype).bytes
  const bytes = Uint8Array.from({ length: count * size }, () => below(256))
  const view = new DataView(bytes.buffer)
  for (let block = 0; block < count; block++) {
    for (const at of HALVES[dtype]) {
      const any = (below(2) << 15) | below(0x7c00)
      view.setUint16(block * size + at, half?.(block) ?? (block % 2 === 0 ? SCALES[below(SCALES.length)] : any), true)
    }
    if (dtype === 'MXFP4') bytes[block * size] %= 253
  }
  return bytes
}
