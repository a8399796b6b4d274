import type { BlockType } from '#molm/model/checkpoint/dtype.js'
import { halfValues } from './element-values.js'

/*
 * Values of the elements of GGUF's block types. d, m, dmin: little-endian halves. q: a quant, an integer. A value is
 * rounded to float32 once, if at all: only the types with a minimum round, when they add or subtract it.
 *
 * In a byte the low four bits are the low nibble. Quants of 4 bits, unless stated otherwise: byte b has element b in
 * its low nibble and element b + 16 in its high one.
 */

/** Writes the elements of the block at byte `from` to `out`, from index `at` on. */
type BlockDecoder = (bytes: Uint8Array, from: number, out: Float32Array, at: number) => void

/** Writes the elements of the block at byte `from` to `out`, from index `at` on: as many as blockOf says. */
export function decodeBlock(dtype: BlockType, bytes: Uint8Array, from: number, out: Float32Array, at: number): void {
  DECODERS[dtype](bytes, from, out, at)
}

/** Values of the 4-bit quants of IQ4_NL. */
const IQ4_NL_VALUES = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113]

/** Twice the values of 4-bit floats. GGUF has no -0. */
const MXFP4_DOUBLED = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12]

const DECODERS: Readonly<Record<BlockType, BlockDecoder>> = {
  /** d, 16 bytes of q: d * (q - 8). */
  Q4_0(bytes, from, out, at) {
    const d = half(bytes, from)
    for (let i = 0; i < 32; i++) out[at + i] = d * (nibble(bytes, from + 2, i) - 8)
  },

  /** d, m, 16 bytes of q: d * q + m. */
  Q4_1(bytes, from, out, at) {
    const [d, m] = [half(bytes, from), half(bytes, from + 2)]
    for (let i = 0; i < 32; i++) out[at + i] = d * nibble(bytes, from + 4, i) + m
  },

  /** d, 32 bits with the fifth bit of each q in the order of elements, 16 bytes of the other bits: d * (q - 16). */
  Q5_0(bytes, from, out, at) {
    const d = half(bytes, from)
    for (let i = 0; i < 32; i++) out[at + i] = d * ((nibble(bytes, from + 6, i) | (bit(bytes, from + 2, i) << 4)) - 16)
  },

  /** d, m, 32 bits as in Q5_0, 16 bytes: d * q + m. */
  Q5_1(bytes, from, out, at) {
    const [d, m] = [half(bytes, from), half(bytes, from + 2)]
    for (let i = 0; i < 32; i++) out[at + i] = d * (nibble(bytes, from + 8, i) | (bit(bytes, from + 4, i) << 4)) + m
  },

  /** d, 32 signed bytes of q: d * q. */
  Q8_0(bytes, from, out, at) {
    const d = half(bytes, from)
    for (let i = 0; i < 32; i++) out[at + i] = d * signed(bytes[from + 2 + i])
  },

  /**
   * d, dmin, 12 bytes with eight scales s and eight minima m of 6 bits (see scaleAndMinimum), 128 bytes of q: (d * s) *
   * q - dmin * m. Runs of 32 elements have a scale and a minimum each. Two runs share 32 bytes: the first has their low
   * nibbles, the second the high ones.
   */
  Q4_K(bytes, from, out, at) {
    const [d, dmin] = [half(bytes, from), half(bytes, from + 2)]
    for (let run = 0; run < 8; run++) {
      const [s, m] = scaleAndMinimum(bytes, from + 4, run)
      const quants = from + 16 + 32 * (run >> 1)
      for (let i = 0; i < 32; i++) {
        const q = (bytes[quants + i] >> (4 * (run & 1))) & 15
        out[at + 32 * run + i] = d * s * q - dmin * m
      }
    }
  },

  /**
   * d, dmin, 12 bytes of scales and minima, 32 bytes with the fifth bits of q, 128 bytes of their other bits: as Q4_K.
   * Bit r of byte i is the fifth bit of element i of run r.
   */
  Q5_K(bytes, from, out, at) {
    const [d, dmin] = [half(bytes, from), half(bytes, from + 2)]
    for (let run = 0; run < 8; run++) {
      const [s, m] = scaleAndMinimum(bytes, from + 4, run)
      const quants = from + 48 + 32 * (run >> 1)
      for (let i = 0; i < 32; i++) {
        const fifth = (bytes[from + 16 + i] >> run) & 1
        const q = ((bytes[quants + i] >> (4 * (run & 1))) & 15) | (fifth << 4)
        out[at + 32 * run + i] = d * s * q - dmin * m
      }
    }
  },

  /**
   * 128 bytes with the low 4 bits of q, 64 bytes with the high 2, 16 signed bytes of scales s, d: d * s * (q - 32). Runs
   * of 16 elements have a scale each. Each half of 128 elements has 64 bytes of low bits: bytes 0 to 31 have elements 0
   * to 31 in their low nibbles and 64 to 95 in the high ones, bytes 32 to 63 have 32 to 63 and 96 to 127. It has 32 bytes
   * of high bits: byte i has the high bits of elements i, i + 32, i + 64 and i + 96, lowest first.
   */
  Q6_K(bytes, from, out, at) {
    const d = half(bytes, from + 208)
    for (let e = 0; e < 256; e++) {
      const [part, run, i] = [e >> 7, (e >> 5) & 3, e & 31]
      const low = (bytes[from + 64 * part + 32 * (run & 1) + i] >> (4 * (run >> 1))) & 15
      const high = (bytes[from + 128 + 32 * part + i] >> (2 * run)) & 3
      out[at + e] = d * signed(bytes[from + 192 + (e >> 4)]) * ((low | (high << 4)) - 32)
    }
  },

  /** d, 16 bytes of q: d * IQ4_NL_VALUES[q]. */
  IQ4_NL(bytes, from, out, at) {
    const d = half(bytes, from)
    for (let i = 0; i < 32; i++) out[at + i] = d * IQ4_NL_VALUES[nibble(bytes, from + 2, i)]
  },

  /**
   * A byte e, 16 bytes of 4-bit floats: value * 2^(e - 127), or NaN if e is 255. In the two tensors of Hugging Face's
   * MXFP4 the neighbours 2b and 2b + 1 share a byte.
   */
  MXFP4(bytes, from, out, at) {
    const scale = bytes[from] === 255 ? Number.NaN : 2 ** (bytes[from] - 128)
    for (let i = 0; i < 32; i++) out[at + i] = scale * MXFP4_DOUBLED[nibble(bytes, from + 1, i)]
  },
}

/**
 * 6-bit scale and minimum of a run of Q4_K and Q5_K. Those of runs 0 to 3 are the low 6 bits of bytes 0 to 3 and 4 to 7.
 * Those of runs 4 to 7 have their low 4 bits in the nibbles of bytes 8 to 11, and their high 2 in the high bits of these
 * eight bytes.
 */
function scaleAndMinimum(bytes: Uint8Array, from: number, run: number): [scale: number, minimum: number] {
  const [scale, minimum] = [bytes[from + (run & 3)], bytes[from + 4 + (run & 3)]]
  if (run < 4) return [scale & 63, minimum & 63]
  const low = bytes[from + 4 + run]
  return [(low & 15) | ((scale >> 6) << 4), (low >> 4) | ((minimum >> 6) << 4)]
}

function half(bytes: Uint8Array, at: number): number {
  return halfValues()[bytes[at] | (bytes[at + 1] << 8)]
}

/** Quant of 4 bits of element `i` in the 16 bytes from `at` on. */
function nibble(bytes: Uint8Array, at: number, i: number): number {
  return i < 16 ? bytes[at + i] & 15 : bytes[at + i - 16] >> 4
}

function bit(bytes: Uint8Array, at: number, i: number): number {
  return (bytes[at + (i >> 3)] >> (i & 7)) & 1
}

function signed(byte: number): number {
  return (byte << 24) >> 24
}
