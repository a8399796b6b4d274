/*
 * Streaming read: the speed of light of every decode step, measured with the same threads and memory.
 * Arguments: 0 start (16-byte aligned)   1 bytes per chunk (a multiple of 64)   2 where each chunk leaves its xor, 16 bytes each
 */
import { arg } from './control'

export function stream(chunk: u32): void {
  const start: usize = arg(0) + chunk * arg(1)
  const end = start + arg(1)
  if (ASC_FEATURE_SIMD) {
    let a = i32x4.splat(0)
    let b = i32x4.splat(0)
    for (let p = start; p < end; p += 64) {
      a = v128.xor(a, v128.xor(v128.load(p), v128.load(p, 16)))
      b = v128.xor(b, v128.xor(v128.load(p, 32), v128.load(p, 48)))
    }
    v128.store(arg(2) + (chunk << 4), v128.xor(a, b))
  } else {
    let a: u64 = 0
    for (let p = start; p < end; p += 8) a ^= load<u64>(p)
    store<u64>(arg(2) + (chunk << 4), a)
  }
}
