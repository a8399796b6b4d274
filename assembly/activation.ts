/*
 * Activation functions of the experts and routers, applied to a row in place.
 *
 * activate(kind, row, n): a row of n floats, for any n. The padding of the row rounds n up to a multiple of 4; its
 * zeros stay zeros with every kind. Bit-identical in all tiers.
 */
import { Activation } from '../src/kernels/abi/formats'
import { scratch } from './control'
import { EXP_CONSTANTS, erfc, erfc4, exp8, sigmoid, sigmoid4, sigmoidOfSize4, storeExpConstants } from './math'

/** sqrt(2 / pi), and the cubic coefficient of the tanh form of GELU. */
export const SQRT_2_PI: f32 = 0.7978845608
export const CUBIC: f32 = 0.044715
export const SQRT_HALF: f32 = 0.7071067812

/** 0.5 x (1 + tanh u) is x * sigmoid(2u): one exponential, and no cancellation for negative x. */
function geluNew(x: f32): f32 {
  const u = SQRT_2_PI * (x + CUBIC * (x * x * x))
  return x * sigmoid(u + u)
}

function geluNew4(x: v128): v128 {
  const cube = f32x4.mul(f32x4.mul(x, x), x)
  const u = f32x4.mul(f32x4.splat(SQRT_2_PI), f32x4.add(x, f32x4.mul(f32x4.splat(CUBIC), cube)))
  return f32x4.mul(x, sigmoid4(f32x4.add(u, u)))
}

/** 0.5 x (1 + erf(x / sqrt 2)) is 0.5 x erfc(-x / sqrt 2), which keeps its digits for negative x. */
function gelu(x: f32): f32 {
  return <f32>0.5 * x * erfc(x * -SQRT_HALF)
}

function gelu4(x: v128): v128 {
  return f32x4.mul(f32x4.mul(f32x4.splat(0.5), x), erfc4(f32x4.mul(x, f32x4.splat(-SQRT_HALF))))
}

/** tanh x = 2 sigmoid(2x) - 1 */
function tanh(x: f32): f32 {
  const s = sigmoid(x + x)
  return s + s - <f32>1.0
}

function tanh4(x: v128): v128 {
  const s = sigmoid4(f32x4.add(x, x))
  return f32x4.sub(f32x4.add(s, s), f32x4.splat(1.0))
}

/** Largest gate, and largest magnitude of up, in clamped SwiGLU. */
const LIMIT: f32 = 7
/** Factor of the gate inside clamped SwiGLU's sigmoid. */
const STEEPNESS: f32 = 1.702

/** The factor of up + 1 in clamped SwiGLU. */
function clampedGate(x: f32): f32 {
  const g = LIMIT < x ? LIMIT : x
  return g * sigmoid(g * STEEPNESS)
}

function clampedGate4(x: v128): v128 {
  const g = f32x4.pmin(x, f32x4.splat(LIMIT))
  return f32x4.mul(g, sigmoid4(f32x4.mul(g, f32x4.splat(STEEPNESS))))
}

/** Activation of one number. */
export function apply(kind: i32, x: f32): f32 {
  if (kind == Activation.gelu_new) return geluNew(x)
  if (kind == Activation.gelu) return gelu(x)
  if (kind == Activation.silu) return x * sigmoid(x)
  if (kind == Activation.relu) return max<f32>(x, 0)
  if (kind == Activation.relu2) return max<f32>(x, 0) * max<f32>(x, 0)
  if (kind == Activation.tanh) return tanh(x)
  if (kind == Activation.clamped_swiglu) return clampedGate(x)
  return x
}

export function apply4(kind: i32, x: v128): v128 {
  if (kind == Activation.gelu_new) return geluNew4(x)
  if (kind == Activation.gelu) return gelu4(x)
  if (kind == Activation.silu) return f32x4.mul(x, sigmoid4(x))
  if (kind == Activation.relu) return f32x4.max(x, f32x4.splat(0.0))
  if (kind == Activation.relu2) return f32x4.mul(f32x4.max(x, f32x4.splat(0.0)), f32x4.max(x, f32x4.splat(0.0)))
  if (kind == Activation.tanh) return tanh4(x)
  if (kind == Activation.clamped_swiglu) return clampedGate4(x)
  return x
}

export function activate(kind: i32, row: usize, n: i32): void {
  if (kind == Activation.identity) return
  const end = row + (<usize>(n + 3) & ~3) * 4
  if (ASC_FEATURE_SIMD) {
    let p = row
    if (kind == Activation.gelu_new || kind == Activation.silu || kind == Activation.clamped_swiglu) {
      p = activateBlocks(kind, row, end)
    }
    for (; p < end; p += 16) v128.store(p, apply4(kind, v128.load(p)))
  } else {
    for (let p = row; p < end; p += 4) store<f32>(p, apply(kind, load<f32>(p)))
  }
}

/** Bytes of a block of activateBlocks. */
const BLOCK: usize = 128

/**
 * Applies x * sigmoid(steepness(x)) to whole blocks, with the bits of apply4, twice as fast (see exp8). Returns the end of
 * the last block.
 */
function activateBlocks(kind: i32, row: usize, end: usize): usize {
  const constants = scratch()
  const powers = constants + ((EXP_CONSTANTS + 15) & ~15)
  storeExpConstants(constants)
  let p = row
  for (; p + BLOCK <= end; p += BLOCK) {
    for (let i: usize = 0; i < BLOCK; i += 32) {
      exp8(exponent4(kind, v128.load(p + i)), exponent4(kind, v128.load(p + i, 16)), powers + i, constants)
    }
    for (let i: usize = 0; i < BLOCK; i += 16) {
      let x = v128.load(p + i)
      if (kind == Activation.clamped_swiglu) x = f32x4.pmin(x, f32x4.splat(LIMIT))
      const e = v128.load(powers + i)
      const r = sigmoidOfSize4(e)
      // The argument of the sigmoid has the sign of x, or is 0, and then both are the same.
      v128.store(p + i, f32x4.mul(x, v128.bitselect(f32x4.mul(e, r), r, f32x4.lt(x, f32x4.splat(0.0)))))
    }
  }
  return p
}

/** -|z| for the z whose sigmoid is the factor of x. */
function exponent4(kind: i32, x: v128): v128 {
  let z = x
  if (kind == Activation.gelu_new) {
    const cube = f32x4.mul(f32x4.mul(x, x), x)
    const u = f32x4.mul(f32x4.splat(SQRT_2_PI), f32x4.add(x, f32x4.mul(f32x4.splat(CUBIC), cube)))
    z = f32x4.add(u, u)
  } else if (kind == Activation.clamped_swiglu) {
    z = f32x4.mul(f32x4.pmin(x, f32x4.splat(LIMIT)), f32x4.splat(STEEPNESS))
  }
  return f32x4.neg(f32x4.abs(z))
}

/** Clamps a row of n floats to [-LIMIT, LIMIT] and adds 1: the second factor in clamped SwiGLU. */
export function clampUp(row: usize, n: i32): void {
  const end = row + ((<usize>n) << 2)
  if (ASC_FEATURE_SIMD) {
    const high = f32x4.splat(LIMIT)
    const low = f32x4.neg(high)
    const one = f32x4.splat(1.0)
    for (let p = row; p < end; p += 16) {
      v128.store(p, f32x4.add(f32x4.pmin(f32x4.pmax(v128.load(p), low), high), one))
    }
  } else {
    for (let p = row; p < end; p += 4) {
      const x = load<f32>(p)
      store<f32>(p, (x < -LIMIT ? -LIMIT : LIMIT < x ? LIMIT : x) + <f32>1.0)
    }
  }
}
