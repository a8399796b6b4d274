/*
 * Streaming read: measures the upper limit of every decode step with the same threads and memory.
 * Arguments: BandwidthArg (src/kernels/abi/measures.ts).
 */
import { BANDWIDTH_RESULT_BYTES, BandwidthArg } from '../src/kernels/abi/measures'
import { arg } from './control'

export function bandwidth(chunk: u32): void {
  const start: usize = arg(BandwidthArg.start) + chunk * arg(BandwidthArg.chunkBytes)
  const end = start + arg(BandwidthArg.chunkBytes)
  if (ASC_FEATURE_SIMD) {
    let a = i32x4.splat(0)
    let b = i32x4.splat(0)
    for (let p = start; p < end; p += 64) {
      a = v128.xor(a, v128.xor(v128.load(p), v128.load(p, 16)))
      b = v128.xor(b, v128.xor(v128.load(p, 32), v128.load(p, 48)))
    }
    v128.store(arg(BandwidthArg.results) + chunk * BANDWIDTH_RESULT_BYTES, v128.xor(a, b))
  } else {
    let a: u64 = 0
    for (let p = start; p < end; p += 8) a ^= load<u64>(p)
    store<u64>(arg(BandwidthArg.results) + chunk * BANDWIDTH_RESULT_BYTES, a)
  }
}
