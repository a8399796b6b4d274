/*
 * Copies within one memory. The host's own copies are slow on shared memory: a typed array's `set` takes 2 microseconds
 * for a row of 4 KiB in V8 11.3, twenty times as long as on memory that is not shared.
 */
import { toBfloat16, toBfloat16x4 } from './half'

/** Copies `count` rows of `bytes` bytes (a multiple of 4). Strides are in bytes. */
export function copyRows(
  source: usize,
  stride: usize,
  target: usize,
  targetStride: usize,
  bytes: usize,
  count: u32,
): void {
  for (let i: u32 = 0; i < count; i++) {
    copyRow(target, source, bytes)
    source += stride
    target += targetStride
  }
}

/** Copies `bytes` bytes, a multiple of 4. */
export function copyRow(target: usize, source: usize, bytes: usize): void {
  let i: usize = 0
  if (ASC_FEATURE_SIMD) for (; i + 16 <= bytes; i += 16) v128.store(target + i, v128.load(source + i))
  for (; i < bytes; i += 4) store<u32>(target + i, load<u32>(source + i))
}

/** Copies `count` rows of `n` floats, each rounded to the nearest bfloat16. Strides are in bytes. */
export function narrowRows(
  source: usize,
  stride: usize,
  target: usize,
  targetStride: usize,
  n: usize,
  count: u32,
): void {
  for (let r: u32 = 0; r < count; r++) {
    let i: usize = 0
    if (ASC_FEATURE_SIMD) {
      for (; i + 8 <= n; i += 8) {
        const low = toBfloat16x4(v128.load(source + (i << 2)))
        const high = toBfloat16x4(v128.load(source + (i << 2), 16))
        v128.store(target + (i << 1), i16x8.narrow_i32x4_u(low, high))
      }
    }
    for (; i < n; i++) store<u16>(target + (i << 1), <u16>toBfloat16(load<f32>(source + (i << 2))))
    source += stride
    target += targetStride
  }
}

/**
 * Transposes `count` rows of `n` floats to n rows of `count` floats, or of the nearest bfloat16s. Strides are in bytes.
 */
export function transposeRows(
  source: usize,
  stride: usize,
  target: usize,
  targetStride: usize,
  n: usize,
  count: u32,
  isNarrow: bool,
): void {
  for (let r: usize = 0; r < count; r++, source += stride) {
    let to = target + (isNarrow ? r << 1 : r << 2)
    for (let i: usize = 0; i < n; i++, to += targetStride) {
      const x = load<f32>(source + (i << 2))
      if (isNarrow) store<u16>(to, <u16>toBfloat16(x))
      else store<f32>(to, x)
    }
  }
}
