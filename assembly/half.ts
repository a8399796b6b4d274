/*
 * 16-bit floats. bfloat16 is the upper half of a float; the exponent of an IEEE half has to be shifted. All conversions
 * from 16 bits are exact, including subnormals, infinities and NaN.
 */

export function fromBfloat16(bits: u32): f32 {
  return reinterpret<f32>(bits << 16)
}

/** Nearest bfloat16, ties to even, of a finite float. */
export function toBfloat16(x: f32): u32 {
  const bits = reinterpret<u32>(x)
  return (bits + 0x7fff + ((bits >> 16) & 1)) >> 16
}

/** toBfloat16 of four floats, in the low 16 bits of each lane. */
export function toBfloat16x4(x: v128): v128 {
  const odd = v128.and(i32x4.shr_u(x, 16), i32x4.splat(1))
  return i32x4.shr_u(i32x4.add(i32x4.add(x, i32x4.splat(0x7fff)), odd), 16)
}

export function fromHalf(bits: u32): f32 {
  const sign = (bits & 0x8000) << 16
  const magnitude = bits & 0x7fff
  if (magnitude >= 0x7c00) return reinterpret<f32>(sign | 0x7f800000 | ((magnitude & 0x3ff) << 13))
  // Read as float bits, the half is 2^112 too small, for normal and subnormal numbers alike.
  const value = reinterpret<f32>(magnitude << 13) * reinterpret<f32>(0x77800000)
  return reinterpret<f32>(reinterpret<u32>(value) | sign)
}

/** fromHalf of four halves, one in the low 16 bits of each lane. */
export function fromHalf4(bits: v128): v128 {
  const sign = i32x4.shl(v128.and(bits, i32x4.splat(0x8000)), 16)
  const magnitude = v128.and(bits, i32x4.splat(0x7fff))
  const shifted = i32x4.shl(magnitude, 13)
  const value = f32x4.mul(shifted, i32x4.splat(0x77800000))
  const special = v128.or(shifted, i32x4.splat(0x7f800000))
  const isSpecial = i32x4.ge_s(magnitude, i32x4.splat(0x7c00))
  return v128.or(v128.bitselect(special, value, isSpecial), sign)
}
