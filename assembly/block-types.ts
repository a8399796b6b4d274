/*
 * Elements of GGUF's block types, 32 neighbours at a time. The layout of each block is described in
 * test/support/block-decoder.ts, a plain decoder that gives the same bits.
 *
 * A run is 32 neighbours unpacked: weight i = scale * quant i, plus a minimum in some types.
 *   0: int8 quants.  32: f32 scale of the first 16.  36: f32 scale of the last 16.  40: f32 minimum.
 * Bit-identical in all tiers.
 */
import { SourceType } from '../src/kernels/abi/formats'
import { fromHalf } from './half'
import { doubled } from './tile-mxfp4'

/** Bytes of a block, by type. A block has 32 elements, or 256 in Q4_K, Q5_K and Q6_K. */
export enum BlockBytes {
  Q4_0 = 18,
  Q4_1 = 20,
  Q5_0 = 22,
  Q5_1 = 24,
  Q8_0 = 34,
  Q4_K = 144,
  Q5_K = 176,
  Q6_K = 210,
  // biome-ignore lint/suspicious/noDuplicateEnumValues: a size, not a code
  IQ4_NL = 18,
  MXFP4 = 17,
}

export const RUN_BYTES: usize = 64
const SCALE: usize = 32
const MINIMUM: usize = 40

export function isBlockType(type: u32): bool {
  return type >= <u32>SourceType.Q4_0
}

export function hasMinimum(type: u32): bool {
  return type == SourceType.Q4_1 || type == SourceType.Q5_1 || type == SourceType.Q4_K || type == SourceType.Q5_K
}

export function runScale(run: usize): f32 {
  return load<f32>(run, SCALE)
}

export function runMinimum(run: usize): f32 {
  return load<f32>(run, MINIMUM)
}

export function setMinimum(run: usize, minimum: f32): void {
  store<f32>(run, minimum, MINIMUM)
}

/** Unpacks the 32 elements from `index` on, a multiple of 32. */
export function unpackRun(type: u32, source: usize, index: usize, run: usize): void {
  const elements: usize = isSuperblock(type) ? 256 : 32
  const block = source + (index / elements) * blockBytes(type)
  const part = (index % elements) / 32
  unpackScales(type, block, part, run)
  if (ASC_FEATURE_SIMD) unpackQuants(type, block, part, run)
  else for (let i: usize = 0; i < 32; i++) store<i8>(run + i, <i8>quant(type, block, part, i))
}

/** Writes the weights of a run as 32 floats. */
export function runFloats(type: u32, run: usize, floats: usize): void {
  const isShifted = hasMinimum(type)
  if (ASC_FEATURE_SIMD) {
    const minimum = v128.load32_splat(run, MINIMUM)
    for (let i: usize = 0; i < 32; i += 4) {
      const quants = i32x4.extend_low_i16x8_s(i16x8.extend_low_i8x16_s(v128.load32_zero(run + i)))
      const product = f32x4.mul(f32x4.convert_i32x4_s(quants), v128.load32_splat(run + ((i >> 4) << 2), SCALE))
      v128.store(floats + (i << 2), isShifted ? f32x4.add(product, minimum) : product)
    }
  } else {
    for (let i: usize = 0; i < 32; i++) {
      const product = <f32>load<i8>(run + i) * load<f32>(run + ((i >> 4) << 2), SCALE)
      store<f32>(floats + (i << 2), isShifted ? product + load<f32>(run, MINIMUM) : product)
    }
  }
}

function isSuperblock(type: u32): bool {
  return type == SourceType.Q4_K || type == SourceType.Q5_K || type == SourceType.Q6_K
}

function blockBytes(type: u32): usize {
  if (type == SourceType.Q4_0) return BlockBytes.Q4_0
  if (type == SourceType.Q4_1) return BlockBytes.Q4_1
  if (type == SourceType.Q5_0) return BlockBytes.Q5_0
  if (type == SourceType.Q5_1) return BlockBytes.Q5_1
  if (type == SourceType.Q8_0) return BlockBytes.Q8_0
  if (type == SourceType.Q4_K) return BlockBytes.Q4_K
  if (type == SourceType.Q5_K) return BlockBytes.Q5_K
  if (type == SourceType.Q6_K) return BlockBytes.Q6_K
  if (type == SourceType.IQ4_NL) return BlockBytes.IQ4_NL
  return BlockBytes.MXFP4
}

/** First byte of the quants that have 4 bits, or 8. */
function quantsOffset(type: u32): usize {
  if (type == SourceType.Q6_K) return 0
  if (type == SourceType.MXFP4) return 1
  if (type == SourceType.Q4_1) return 4
  if (type == SourceType.Q5_0) return 6
  if (type == SourceType.Q5_1) return 8
  if (type == SourceType.Q4_K) return 16
  if (type == SourceType.Q5_K) return 48
  return 2
}

function unpackScales(type: u32, block: usize, part: usize, run: usize): void {
  if (type == SourceType.Q6_K) {
    const d = fromHalf(load<u16>(block, 208))
    store<f32>(run, d * <f32>load<i8>(block + (part << 1), 192), SCALE)
    store<f32>(run, d * <f32>load<i8>(block + (part << 1), 193), SCALE + 4)
    return
  }
  let scale: f32
  if (type == SourceType.MXFP4) scale = mxfp4Scale(load<u8>(block))
  else scale = fromHalf(load<u16>(block))
  if (isSuperblock(type)) {
    store<f32>(run, -(fromHalf(load<u16>(block, 2)) * <f32>minimumOf(block + 4, part)), MINIMUM)
    scale *= <f32>scaleOf(block + 4, part)
  } else if (hasMinimum(type)) {
    store<f32>(run, fromHalf(load<u16>(block, 2)), MINIMUM)
  }
  store<f32>(run, scale, SCALE)
  store<f32>(run, scale, SCALE + 4)
}

/** 2^(e - 128), which is subnormal if e is 0 or 1; NaN if e is 255. */
function mxfp4Scale(exponent: u32): f32 {
  if (exponent == 255) return f32.NaN
  return reinterpret<f32>(exponent < 2 ? (<u32>0x200000) << exponent : (exponent - 1) << 23)
}

/** 6-bit scale of a part of Q4_K and Q5_K. */
function scaleOf(scales: usize, part: usize): u32 {
  const first = load<u8>(scales + (part & 3))
  return part < 4 ? first & 63 : (load<u8>(scales + part, 4) & 15) | ((first >> 6) << 4)
}

/** 6-bit minimum of a part of Q4_K and Q5_K. */
function minimumOf(scales: usize, part: usize): u32 {
  const first = load<u8>(scales + (part & 3), 4)
  return part < 4 ? first & 63 : (load<u8>(scales + part, 4) >> 4) | ((first >> 6) << 4)
}

/** Quant of element `i` of a part, without vectors. */
function quant(type: u32, block: usize, part: usize, i: usize): i32 {
  const quants = block + quantsOffset(type)
  if (type == SourceType.Q8_0) return load<i8>(quants + i)
  if (type == SourceType.Q6_K) {
    const low = load<u8>(quants + ((part >> 2) << 6) + ((part & 1) << 5) + i) >> (((<u8>part >> 1) & 1) << 2)
    const high = load<u8>(quants + ((part >> 2) << 5) + i, 128) >> ((<u8>part & 3) << 1)
    return <i32>((low & 15) | ((high & 3) << 4)) - 32
  }
  if (isSuperblock(type)) {
    const q: i32 = (load<u8>(quants + ((part >> 1) << 5) + i) >> ((<u8>part & 1) << 2)) & 15
    return type == SourceType.Q4_K ? q : q | (((load<u8>(block + i, 16) >> <u8>part) & 1) << 4)
  }
  const q: i32 = i < 16 ? load<u8>(quants + i) & 15 : load<u8>(quants + i - 16) >> 4
  if (type == SourceType.Q4_0) return q - 8
  if (type == SourceType.Q5_0) return (q | ((<i32>((load<u32>(block, 2) >> <u32>i) & 1)) << 4)) - 16
  if (type == SourceType.Q5_1) return q | ((<i32>((load<u32>(block, 4) >> <u32>i) & 1)) << 4)
  if (type == SourceType.IQ4_NL) return valueOf(q)
  if (type == SourceType.MXFP4) return doubled(q)
  return q
}

/** Quants of a part. */
function unpackQuants(type: u32, block: usize, part: usize, run: usize): void {
  const quants = block + quantsOffset(type)
  let low: v128
  let high: v128
  if (type == SourceType.Q8_0) {
    low = v128.load(quants)
    high = v128.load(quants, 16)
  } else if (type == SourceType.Q6_K) {
    const from = quants + ((part >> 2) << 6) + ((part & 1) << 5)
    const shift = <i32>(((part >> 1) & 1) << 2)
    const highs = quants + 128 + ((part >> 2) << 5)
    const highShift = <i32>((part & 3) << 1)
    low = sixBits(v128.load(from), shift, v128.load(highs), highShift)
    high = sixBits(v128.load(from, 16), shift, v128.load(highs, 16), highShift)
  } else if (isSuperblock(type)) {
    const from = quants + ((part >> 1) << 5)
    const shift = <i32>((part & 1) << 2)
    low = v128.and(i8x16.shr_u(v128.load(from), shift), i8x16.splat(15))
    high = v128.and(i8x16.shr_u(v128.load(from, 16), shift), i8x16.splat(15))
    if (type == SourceType.Q5_K) {
      low = v128.or(low, fifthBit(v128.load(block, 16), <i32>part))
      high = v128.or(high, fifthBit(v128.load(block, 32), <i32>part))
    }
  } else {
    const bytes = v128.load(quants)
    low = v128.and(bytes, i8x16.splat(15))
    high = i8x16.shr_u(bytes, 4)
    if (type == SourceType.Q4_0) {
      low = i8x16.sub(low, i8x16.splat(8))
      high = i8x16.sub(high, i8x16.splat(8))
    } else if (type == SourceType.Q5_0) {
      const bits = v128.load32_splat(block, 2)
      low = i8x16.sub(v128.or(low, spread(i8x16.swizzle(bits, firstBytes()))), i8x16.splat(16))
      high = i8x16.sub(v128.or(high, spread(i8x16.swizzle(bits, lastBytes()))), i8x16.splat(16))
    } else if (type == SourceType.Q5_1) {
      const bits = v128.load32_splat(block, 4)
      low = v128.or(low, spread(i8x16.swizzle(bits, firstBytes())))
      high = v128.or(high, spread(i8x16.swizzle(bits, lastBytes())))
    } else if (type == SourceType.IQ4_NL) {
      const values = i8x16(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113)
      low = i8x16.swizzle(values, low)
      high = i8x16.swizzle(values, high)
    } else if (type == SourceType.MXFP4) {
      const values = i8x16(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12)
      low = i8x16.swizzle(values, low)
      high = i8x16.swizzle(values, high)
    }
  }
  v128.store(run, low)
  v128.store(run, high, 16)
}

/** Quants of Q6_K from bytes with their low 4 bits and bytes with their high 2. */
function sixBits(low: v128, shift: i32, high: v128, highShift: i32): v128 {
  const lows = v128.and(i8x16.shr_u(low, shift), i8x16.splat(15))
  const highs = i8x16.shl(v128.and(i8x16.shr_u(high, highShift), i8x16.splat(3)), 4)
  return i8x16.sub(v128.or(lows, highs), i8x16.splat(32))
}

/** 16 in each byte whose bit `part` is set, else 0. */
function fifthBit(bytes: v128, part: i32): v128 {
  return i8x16.shl(v128.and(i8x16.shr_u(bytes, part), i8x16.splat(1)), 4)
}

function firstBytes(): v128 {
  return i8x16(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1)
}

function lastBytes(): v128 {
  return i8x16(2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3)
}

/** 16 in byte i if bit i % 8 of it is set, else 0. */
function spread(bytes: v128): v128 {
  const bit = i8x16(1, 2, 4, 8, 16, 32, 64, -128, 1, 2, 4, 8, 16, 32, 64, -128)
  return v128.and(i8x16.eq(v128.and(bytes, bit), bit), i8x16.splat(16))
}

/** Value of a 4-bit quant of IQ4_NL: -127 -104 -83 -65 -49 -35 -22 -10 1 13 25 38 53 69 89 113, as bytes. */
function valueOf(q: i32): i32 {
  const negative = q < 4 ? 0xbfad9881 : 0xf6eaddcf
  const positive = q < 12 ? 0x26190d01 : 0x71594535
  return <i32>(<i8>((q < 8 ? negative : positive) >> ((q & 3) << 3)))
}
