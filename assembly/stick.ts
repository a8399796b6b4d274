/* The stick of stick-breaking attention (attention.ts), and the rows of its cache. Bit-identical in all tiers. */
import { AttentionArg } from '../src/kernels/abi/attention'
import { PAGE_ROWS, PAGE_SHIFT } from '../src/kernels/abi/formats'
import { arg } from './control'
import { exp4, sigmoid, sigmoidOfSize4 } from './math'

/** Address of the row of a position in the cache. */
export function row(table: usize, position: i32): usize {
  return (
    load<u32>(table + ((position >> PAGE_SHIFT) << 2)) + (position & (PAGE_ROWS - 1)) * arg(AttentionArg.cacheStride)
  )
}

/**
 * Turns the products q . k of a block of 8 keys into their weights, sigmoid(z) times the stick before them. The keys
 * from `last` on get 0. Returns the rest of the stick.
 */
export function breakStick(scores: usize, last: i32, stick: f32, scale: f32): f32 {
  const rests = scores + 32
  if (ASC_FEATURE_SIMD) {
    for (let i: usize = 0; i < 32; i += 16) breakOff(scores + i, rests + i, scale)
  } else {
    for (let i: usize = 0; i < 32; i += 4) {
      const z = load<f32>(scores + i) * scale
      store<f32>(scores + i, sigmoid(z))
      store<f32>(rests + i, sigmoid(-z))
    }
  }
  for (let i = 0; i < 8; i++) {
    const at = scores + (i << 2)
    if (i < last) {
      store<f32>(at, load<f32>(at) * stick)
      stick *= load<f32>(at, 32)
    } else {
      store<f32>(at, 0)
    }
  }
  return stick
}

/**
 * Turns the products q . k of a page's keys, newest last, into the weights of four queries at once: `scores` has four
 * numbers for each key. `rests` is scratch of the same size. Returns what is left of the sticks.
 */
export function breakSticks(scores: usize, rests: usize, sticks: v128, scale: f32): v128 {
  for (let i: usize = 0; i < (<usize>PAGE_ROWS) << 4; i += 16) breakOff(scores + i, rests + i, scale)
  for (let i: usize = (<usize>PAGE_ROWS) << 4; i > 0; i -= 16) {
    const at = scores + i - 16
    v128.store(at, f32x4.mul(v128.load(at), sticks))
    sticks = f32x4.mul(sticks, v128.load(rests + i - 16))
  }
  return sticks
}

/** Turns four products q . k at `scores` into sigmoid(z), and writes 1 - sigmoid(z) to `rests`. */
function breakOff(scores: usize, rests: usize, scale: f32): void {
  // 1 - sigmoid(z) = sigmoid(-z) needs no other exponential.
  const z = f32x4.mul(v128.load(scores), f32x4.splat(scale))
  const e = exp4(f32x4.neg(f32x4.abs(z)))
  const large = sigmoidOfSize4(e)
  const small = f32x4.mul(e, large)
  const negative = f32x4.lt(z, f32x4.splat(0))
  v128.store(scores, v128.bitselect(small, large, negative))
  v128.store(rests, v128.bitselect(large, small, negative))
}
