/*
 * Parts of the products of all packed formats. A tile begins with 8 bfloat16 scales; in q4m 8 minima follow.
 */

/** Scales of rows 0-3 of a tile. */
export function lowScales(tile: usize): v128 {
  return i32x4.shl(v128.load_ext<u16>(tile), 16)
}

/** Scales of rows 4-7. */
export function highScales(tile: usize): v128 {
  return i32x4.shl(v128.load_ext<u16>(tile, 8), 16)
}

/** total + dot * (weight scale * activation scale). */
export function addScaled(total: v128, dot: v128, weightScale: v128, scale: v128): v128 {
  return f32x4.add(total, f32x4.mul(f32x4.convert_i32x4_s(dot), f32x4.mul(weightScale, scale)))
}

/** Adds products of int8 activations and nibbles, in pairs. Relaxed tier only. */
export function addPairs(sum: v128, activations: v128, nibbles: v128): v128 {
  return i16x8.add(sum, i16x8.relaxed_dot_i8x16_i7x16_s(activations, nibbles))
}

/**
 * 15 in every byte. `columns` is a multiple of 32, so it adds nothing; but newer V8 versions would load a mask that
 * they knew to be constant again at each use, which costs half of the speed.
 */
export function nibbleMask(columns: usize): v128 {
  return i8x16.splat(15 + <i8>(columns & 31))
}
