/* Derivatives of the activation functions (activation.ts), of one number and of four. Bit-identical in all tiers. */
import { Activation } from '../src/kernels/abi/formats'
import { CUBIC, SQRT_2_PI, SQRT_HALF } from './activation'
import { erfc, erfc4, exp, exp4, sigmoid, sigmoid4 } from './math'

/** 1 / sqrt(2 pi) */
const NORMAL: f32 = 0.3989422804

/** Derivative of x sigmoid(v), with w the derivative of v: s + x w s (1 - s). */
function ofProduct(x: f32, v: f32, w: f32): f32 {
  const s = sigmoid(v)
  return s + x * w * s * (<f32>1.0 - s)
}

function ofProduct4(x: v128, v: v128, w: v128): v128 {
  const s = sigmoid4(v)
  const rest = f32x4.sub(f32x4.splat(1.0), s)
  return f32x4.add(s, f32x4.mul(f32x4.mul(f32x4.mul(x, w), s), rest))
}

/** x sigmoid(2u), u = sqrt(2 / pi) (x + c x^3). */
function geluNew(x: f32): f32 {
  const u = SQRT_2_PI * (x + CUBIC * (x * x * x))
  const du = SQRT_2_PI * (<f32>1.0 + <f32>3.0 * CUBIC * (x * x))
  return ofProduct(x, u + u, du + du)
}

function geluNew4(x: v128): v128 {
  const square = f32x4.mul(x, x)
  const cube = f32x4.mul(square, x)
  const scale = f32x4.splat(SQRT_2_PI)
  const u = f32x4.mul(scale, f32x4.add(x, f32x4.mul(f32x4.splat(CUBIC), cube)))
  const du = f32x4.mul(scale, f32x4.add(f32x4.splat(1.0), f32x4.mul(f32x4.splat(<f32>3.0 * CUBIC), square)))
  return ofProduct4(x, f32x4.add(u, u), f32x4.add(du, du))
}

/** x Phi(x) has the derivative Phi(x) + x phi(x), of the normal distribution. */
function gelu(x: f32): f32 {
  return <f32>0.5 * erfc(x * -SQRT_HALF) + x * (NORMAL * exp(<f32>-0.5 * (x * x)))
}

function gelu4(x: v128): v128 {
  const share = f32x4.mul(f32x4.splat(0.5), erfc4(f32x4.mul(x, f32x4.splat(-SQRT_HALF))))
  const density = f32x4.mul(f32x4.splat(NORMAL), exp4(f32x4.mul(f32x4.splat(-0.5), f32x4.mul(x, x))))
  return f32x4.add(share, f32x4.mul(x, density))
}

/** 1 - tanh^2 x is 4 s (1 - s) with s = sigmoid(2x). */
function tanh(x: f32): f32 {
  const s = sigmoid(x + x)
  return <f32>4.0 * s * (<f32>1.0 - s)
}

function tanh4(x: v128): v128 {
  const s = sigmoid4(f32x4.add(x, x))
  return f32x4.mul(f32x4.mul(f32x4.splat(4.0), s), f32x4.sub(f32x4.splat(1.0), s))
}

/** Derivative at x. That of ReLU at 0 is 0. */
export function slope(kind: i32, x: f32): f32 {
  if (kind == Activation.gelu_new) return geluNew(x)
  if (kind == Activation.gelu) return gelu(x)
  if (kind == Activation.silu) return ofProduct(x, x, 1)
  if (kind == Activation.relu) return x > 0 ? 1 : 0
  if (kind == Activation.tanh) return tanh(x)
  return 1
}

export function slope4(kind: i32, x: v128): v128 {
  const one = f32x4.splat(1.0)
  if (kind == Activation.gelu_new) return geluNew4(x)
  if (kind == Activation.gelu) return gelu4(x)
  if (kind == Activation.silu) return ofProduct4(x, x, one)
  if (kind == Activation.relu) return v128.and(one, f32x4.gt(x, f32x4.splat(0.0)))
  if (kind == Activation.tanh) return tanh4(x)
  return one
}
