/* target = source * factor * weight, n floats each; target may be source. Bit-identical in all tiers. */
export function scaleRow(source: usize, target: usize, n: usize, factor: f32, weight: usize): void {
  const bytes = n << 2
  let i: usize = 0
  if (ASC_FEATURE_SIMD) {
    const f = f32x4.splat(factor)
    for (; i + 16 <= bytes; i += 16) {
      v128.store(target + i, f32x4.mul(f32x4.mul(v128.load(source + i), f), v128.load(weight + i)))
    }
  }
  for (; i < bytes; i += 4) store<f32>(target + i, load<f32>(source + i) * factor * load<f32>(weight + i))
}
