import { fromHalf, roundToHalf, toHalf } from './halves.js'

/*
 * The block types of ggml: plain encoders and decoders, one block at a time, written from the layout of the structs in
 * ggml-common.h. A decoded value is computed in double precision and rounded once. Encoding it again gives the same
 * bytes for the types of 32 elements.
 */

/** Element type of a tensor in a GGUF file. */
export interface ElementType {
  /** ggml's number. */
  number: number
  /** Elements of a block, and its bytes. */
  elements: number
  bytes: number
  encode(values: Float32Array, out: Uint8Array): void
  decode(bytes: Uint8Array, out: Float32Array): void
}

export type TypeName =
  | 'F32'
  | 'F16'
  | 'BF16'
  | 'Q4_0'
  | 'Q4_1'
  | 'Q5_0'
  | 'Q5_1'
  | 'Q8_0'
  | 'Q4_K'
  | 'Q5_K'
  | 'Q6_K'
  | 'IQ4_NL'
  | 'MXFP4'

/** Encodes a whole tensor. Its rows must be whole blocks. */
export function encodeTensor(name: TypeName, values: Float32Array): Uint8Array {
  const { elements, bytes, encode } = ELEMENT_TYPES[name]
  const count = values.length / elements
  if (!Number.isInteger(count)) throw new RangeError(`${values.length} values are not whole blocks of ${name}`)
  const out = new Uint8Array(count * bytes)
  for (let b = 0; b < count; b++) {
    encode(values.subarray(b * elements, (b + 1) * elements), out.subarray(b * bytes, (b + 1) * bytes))
  }
  return out
}

/** Decodes a whole tensor. */
export function decodeTensor(name: TypeName, data: Uint8Array): Float32Array {
  const { elements, bytes, decode } = ELEMENT_TYPES[name]
  const count = data.length / bytes
  const out = new Float32Array(count * elements)
  for (let b = 0; b < count; b++) {
    decode(data.subarray(b * bytes, (b + 1) * bytes), out.subarray(b * elements, (b + 1) * elements))
  }
  return out
}

/** Type for rows of a length, as llama.cpp falls back when they are not whole blocks. */
export function typeForRows(name: TypeName, length: number): TypeName {
  if (length % ELEMENT_TYPES[name].elements === 0) return name
  const smaller = ({ Q4_K: 'Q5_0', Q5_K: 'Q5_1', Q6_K: 'Q8_0' } as const)[name as string]
  return smaller ? typeForRows(smaller, length) : 'F16'
}

/** Levels of IQ4_NL. */
const NON_LINEAR = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113]
/** Twice the levels of MXFP4. */
const FLOATS = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12]

const setHalf = (out: Uint8Array, at: number, value: number) => {
  const bits = toHalf(value)
  out[at] = bits & 255
  out[at + 1] = bits >> 8
}
const half = (bytes: Uint8Array, at: number) => fromHalf(bytes[at] | (bytes[at + 1] << 8))

/** Stores four bits of each of 32 levels: byte i holds levels i and i + 16. */
function setNibbles(out: Uint8Array, at: number, levels: ArrayLike<number>): void {
  for (let i = 0; i < 16; i++) out[at + i] = (levels[i] & 15) | ((levels[i + 16] & 15) << 4)
}
const nibble = (bytes: Uint8Array, at: number, i: number) => (i < 16 ? bytes[at + i] & 15 : bytes[at + i - 16] >> 4)

/** The value that is farthest from zero, with its sign. */
function extreme(values: Float32Array): number {
  return values.reduce((most, x) => (Math.abs(x) > Math.abs(most) ? x : most), 0)
}

const clamp = (value: number, most: number) => Math.max(0, Math.min(most, value))

/** Levels 0 to 2^bits - 1 around a middle, with a scale whose sign gives the extreme the lowest level. */
function centred(bits: 4 | 5, number: number): ElementType {
  const middle = 2 ** (bits - 1)
  const at = bits === 5 ? 6 : 2
  return {
    number,
    elements: 32,
    bytes: at + 16,
    encode(values, out) {
      const d = roundToHalf(extreme(values) / -middle)
      const levels = Array.from(values, (x) => (d === 0 ? middle : clamp(Math.round(x / d) + middle, 2 * middle - 1)))
      setHalf(out, 0, d)
      if (bits === 5) setFifthBits(out, 2, levels)
      setNibbles(out, at, levels)
    },
    decode(bytes, out) {
      for (let i = 0; i < 32; i++) {
        out[i] = half(bytes, 0) * (nibble(bytes, at, i) + (bits === 5 ? fifthBit(bytes, 2, i) : 0) - middle)
      }
    },
  }
}

/** Levels 0 to 2^bits - 1 above a minimum. */
function aboveMinimum(bits: 4 | 5, number: number): ElementType {
  const most = 2 ** bits - 1
  const at = bits === 5 ? 8 : 4
  return {
    number,
    elements: 32,
    bytes: at + 16,
    encode(values, out) {
      const least = Math.min(...values)
      const [d, m] = [roundToHalf((Math.max(...values) - least) / most), roundToHalf(least)]
      const levels = Array.from(values, (x) => (d === 0 ? 0 : clamp(Math.round((x - m) / d), most)))
      setHalf(out, 0, d)
      setHalf(out, 2, m)
      if (bits === 5) setFifthBits(out, 4, levels)
      setNibbles(out, at, levels)
    },
    decode(bytes, out) {
      for (let i = 0; i < 32; i++) {
        const level = nibble(bytes, at, i) + (bits === 5 ? fifthBit(bytes, 4, i) : 0)
        out[i] = half(bytes, 0) * level + half(bytes, 2)
      }
    },
  }
}

function setFifthBits(out: Uint8Array, at: number, levels: number[]): void {
  for (const [i, level] of levels.entries()) out[at + (i >> 3)] |= (level >> 4) << (i & 7)
}
const fifthBit = (bytes: Uint8Array, at: number, i: number) => ((bytes[at + (i >> 3)] >> (i & 7)) & 1) * 16

/**
 * 256 elements in 8 runs of 32, each with a scale and a minimum of 6 bits. Two runs share 32 bytes: the low nibbles,
 * then the high ones. Q5_K has 32 bytes before them with the fifth bits of run r in bit r.
 */
function superBlock(bits: 4 | 5, number: number): ElementType {
  const most = 2 ** bits - 1
  const low = bits === 5 ? 48 : 16
  return {
    number,
    elements: 256,
    bytes: low + 128,
    encode(values, out) {
      const runs = Array.from({ length: 8 }, (_, r) => values.subarray(32 * r, 32 * r + 32))
      const fits = runs.map((run) => fitWithMinimum(run, most))
      const d = roundToHalf(Math.max(...fits.map(({ scale }) => scale)) / 63)
      const dmin = roundToHalf(Math.max(...fits.map(({ minimum }) => minimum)) / 63)
      setHalf(out, 0, d)
      setHalf(out, 2, dmin)
      for (const [r, run] of runs.entries()) {
        const scale = d === 0 ? 0 : clamp(Math.round(fits[r].scale / d), 63)
        const minimum = dmin === 0 ? 0 : clamp(Math.round(fits[r].minimum / dmin), 63)
        setSixBits(out, r, scale, minimum)
        for (const [i, x] of run.entries()) {
          const level = scale * d === 0 ? 0 : clamp(Math.round((x + dmin * minimum) / (d * scale)), most)
          out[low + 32 * (r >> 1) + i] |= (level & 15) << (4 * (r & 1))
          if (bits === 5) out[16 + i] |= (level >> 4) << r
        }
      }
    },
    decode(bytes, out) {
      for (let r = 0; r < 8; r++) {
        const [scale, minimum] = sixBits(bytes, r)
        for (let i = 0; i < 32; i++) {
          const fifth = bits === 5 ? ((bytes[16 + i] >> r) & 1) * 16 : 0
          const level = ((bytes[low + 32 * (r >> 1) + i] >> (4 * (r & 1))) & 15) + fifth
          out[32 * r + i] = half(bytes, 0) * scale * level - half(bytes, 2) * minimum
        }
      }
    },
  }
}

/** Writes 6-bit numbers into the 12 bytes from 4 on: runs 0 to 3 whole, the top bits of the others above them. */
function setSixBits(out: Uint8Array, run: number, scale: number, minimum: number): void {
  if (run < 4) {
    out[4 + run] |= scale
    out[8 + run] |= minimum
  } else {
    out[8 + run] |= (scale & 15) | ((minimum & 15) << 4)
    out[run] |= (scale >> 4) << 6
    out[4 + run] |= (minimum >> 4) << 6
  }
}

function sixBits(bytes: Uint8Array, run: number): [number, number] {
  if (run < 4) return [bytes[4 + run] & 63, bytes[8 + run] & 63]
  return [(bytes[8 + run] & 15) | ((bytes[run] >> 6) << 4), (bytes[8 + run] >> 4) | ((bytes[4 + run] >> 6) << 4)]
}

/** Scale and subtracted minimum of a run with the least error, weighted by magnitude, of some 20 attempts. */
function fitWithMinimum(run: Float32Array, most: number): { scale: number; minimum: number } {
  const least = Math.min(0, ...run)
  const range = Math.max(...run) - least
  if (range <= 0) return { scale: 0, minimum: -least }
  const spread = Math.sqrt(run.reduce((sum, x) => sum + x * x, 0) / run.length)
  let best = { scale: range / most, minimum: -least, error: Number.POSITIVE_INFINITY }
  for (let step = -10; step <= 10; step++) {
    const levels = Array.from(run, (x) => clamp(Math.round(((x - least) * (most + step / 10)) / range), most))
    let [w, l, ll, x, lx] = [0, 0, 0, 0, 0]
    for (const [i, value] of run.entries()) {
      const weight = spread + Math.abs(value)
      w += weight
      l += weight * levels[i]
      ll += weight * levels[i] ** 2
      x += weight * value
      lx += weight * levels[i] * value
    }
    const determinant = w * ll - l * l
    if (determinant <= 0) continue
    let [scale, minimum] = [(w * lx - x * l) / determinant, (l * lx - ll * x) / determinant]
    if (minimum < 0) [scale, minimum] = [lx / ll, 0]
    const error = run.reduce(
      (sum, value, i) => sum + (spread + Math.abs(value)) * (scale * levels[i] - minimum - value) ** 2,
      0,
    )
    if (scale > 0 && error < best.error) best = { scale, minimum, error }
  }
  return best
}

/**
 * Q6_K: 256 elements in 16 runs of 16, each with a signed 8-bit scale. In each half of 128, 64 bytes hold the low four
 * bits (elements 0 to 63 low, 64 to 127 high) and 32 bytes the upper two of four runs of 32.
 */
const SIX_BITS: ElementType = {
  number: 14,
  elements: 256,
  bytes: 210,
  encode(values, out) {
    const runs = Array.from({ length: 16 }, (_, r) => values.subarray(16 * r, 16 * r + 16))
    const scales = runs.map(fitCentred)
    const d = roundToHalf(scales.reduce((most, s) => (Math.abs(s) > Math.abs(most) ? s : most), 0) / -128)
    setHalf(out, 208, d)
    for (const [r, run] of runs.entries()) {
      const scale = d === 0 ? 0 : Math.max(-128, Math.min(127, Math.round(scales[r] / d)))
      out[192 + r] = scale
      for (const [i, x] of run.entries()) {
        const level = scale * d === 0 ? 32 : clamp(Math.round(x / (d * scale)) + 32, 63)
        const [side, e] = [r >> 3, (16 * r + i) & 127]
        out[64 * side + (e & 63)] |= (level & 15) << (e < 64 ? 0 : 4)
        out[128 + 32 * side + (e & 31)] |= (level >> 4) << (2 * (e >> 5))
      }
    }
  },
  decode(bytes, out) {
    const scales = new Int8Array(bytes.slice(192, 208).buffer)
    for (let n = 0; n < 256; n++) {
      const [side, e] = [n >> 7, n & 127]
      const low = (bytes[64 * side + (e & 63)] >> (e < 64 ? 0 : 4)) & 15
      const high = (bytes[128 + 32 * side + (e & 31)] >> (2 * (e >> 5))) & 3
      out[n] = half(bytes, 208) * scales[n >> 4] * (low + 16 * high - 32)
    }
  },
}

/** Scale of levels -32 to 31 with the least squared error, weighted by squares, of some 20 attempts. */
function fitCentred(run: Float32Array): number {
  const most = extreme(run)
  if (most === 0) return 0
  let best = { scale: most / -32, gain: 0 }
  for (let step = -9; step <= 9; step++) {
    const inverse = -(32 + step / 10) / most
    let [lx, ll] = [0, 0]
    for (const x of run) {
      const level = Math.max(-32, Math.min(31, Math.round(inverse * x)))
      lx += x * x * level * x
      ll += x * x * level * level
    }
    if (ll > 0 && (lx * lx) / ll > best.gain) best = { scale: lx / ll, gain: (lx * lx) / ll }
  }
  return best.scale
}

/** Index of the nearest of some levels. */
function nearest(levels: readonly number[], x: number): number {
  return levels.reduce((best, level, i) => (Math.abs(level - x) < Math.abs(levels[best] - x) ? i : best), 0)
}

const scratch = new Float32Array(1)
const scratchBits = new Uint32Array(scratch.buffer)

/** The upper half of a float32, rounded to even. */
function toBfloat16(value: number): number {
  scratch[0] = value
  const bits = scratchBits[0]
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16
}

const single = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset)

export const ELEMENT_TYPES: Readonly<Record<TypeName, ElementType>> = {
  F32: {
    number: 0,
    elements: 1,
    bytes: 4,
    encode: ([x], out) => single(out).setFloat32(0, x, true),
    decode: (bytes, out) => {
      out[0] = single(bytes).getFloat32(0, true)
    },
  },
  F16: {
    number: 1,
    elements: 1,
    bytes: 2,
    encode: ([x], out) => setHalf(out, 0, x),
    decode: (bytes, out) => {
      out[0] = half(bytes, 0)
    },
  },
  BF16: {
    number: 30,
    elements: 1,
    bytes: 2,
    encode: ([x], out) => single(out).setUint16(0, toBfloat16(x), true),
    decode: (bytes, out) => {
      scratchBits[0] = single(bytes).getUint16(0, true) << 16
      out[0] = scratch[0]
    },
  },
  Q4_0: centred(4, 2),
  Q4_1: aboveMinimum(4, 3),
  Q5_0: centred(5, 6),
  Q5_1: aboveMinimum(5, 7),
  Q8_0: {
    number: 8,
    elements: 32,
    bytes: 34,
    encode(values, out) {
      const d = roundToHalf(Math.abs(extreme(values)) / 127)
      setHalf(out, 0, d)
      for (const [i, x] of values.entries()) out[2 + i] = d === 0 ? 0 : Math.max(-128, Math.min(127, Math.round(x / d)))
    },
    decode(bytes, out) {
      for (let i = 0; i < 32; i++) out[i] = half(bytes, 0) * ((bytes[2 + i] << 24) >> 24)
    },
  },
  Q4_K: superBlock(4, 12),
  Q5_K: superBlock(5, 13),
  Q6_K: SIX_BITS,
  IQ4_NL: {
    number: 20,
    elements: 32,
    bytes: 18,
    encode(values, out) {
      const d = roundToHalf(extreme(values) / -127)
      setHalf(out, 0, d)
      setNibbles(
        out,
        2,
        Array.from(values, (x) => nearest(NON_LINEAR, d === 0 ? 0 : x / d)),
      )
    },
    decode(bytes, out) {
      for (let i = 0; i < 32; i++) out[i] = half(bytes, 0) * NON_LINEAR[nibble(bytes, 2, i)]
    },
  },
  MXFP4: {
    number: 39,
    elements: 32,
    bytes: 17,
    encode(values, out) {
      const most = Math.abs(extreme(values))
      const exponent = most === 0 ? 0 : clamp(Math.floor(Math.log2(most)) - 2 + 127, 254)
      out[0] = exponent
      setNibbles(
        out,
        1,
        Array.from(values, (x) => nearest(FLOATS, x / 2 ** (exponent - 128))),
      )
    },
    decode(bytes, out) {
      for (let i = 0; i < 32; i++) out[i] = FLOATS[nibble(bytes, 1, i)] * 2 ** (bytes[0] - 128)
    },
  },
}
