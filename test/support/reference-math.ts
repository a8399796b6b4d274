import type { ActivationName, GatedActivationName } from '#molm/kernels/memory/formats.js'

/**
 * Error function in double precision, by a series without cancellation. Beyond 6 it differs from 1 by less than 2^-53.
 */
export function erf(x: number): number {
  const z = Math.abs(x)
  if (z > 6) return Math.sign(x)
  let term = z
  let sum = z
  for (let n = 1; term > sum * 1e-17; n++) {
    term *= (2 * z * z) / (2 * n + 1)
    sum += term
  }
  return (Math.sign(x) * 2 * Math.exp(-z * z) * sum) / Math.sqrt(Math.PI)
}

export const sigmoid = (x: number): number => (x < 0 ? Math.exp(x) / (1 + Math.exp(x)) : 1 / (1 + Math.exp(-x)))

/** The experts' activation functions in their mathematical form. */
export const ACTIVATIONS: Record<ActivationName, (x: number) => number> = {
  identity: (x) => x,
  gelu_new: (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  gelu: (x) => 0.5 * x * (1 + erf(x / Math.SQRT2)),
  silu: (x) => x * sigmoid(x),
  relu: (x) => Math.max(x, 0),
  relu2: (x) => Math.max(x, 0) ** 2,
  tanh: Math.tanh,
}

/** The factors of gate and up in gated products: their product is the output. */
export const GATED: Record<GatedActivationName, (gate: number, up: number) => [number, number]> = {
  ...(Object.fromEntries(
    Object.entries(ACTIVATIONS).map(([name, act]) => [name, (gate: number, up: number) => [act(gate), up]]),
  ) as Record<ActivationName, (gate: number, up: number) => [number, number]>),
  clamped_swiglu: (gate, up) => {
    const g = Math.min(gate, 7)
    return [g * sigmoid(1.702 * g), Math.min(7, Math.max(-7, up)) + 1]
  },
}

/** (x - mean) / sqrt(variance + epsilon) * weight + bias, with the biased variance. */
export function layerNorm(
  x: ArrayLike<number>,
  weight: ArrayLike<number>,
  bias?: ArrayLike<number>,
  epsilon = 1e-5,
): Float64Array {
  const values = Float64Array.from(x)
  const mean = values.reduce((a, b) => a + b, 0) / values.length
  const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length
  return values.map((v, i) => ((v - mean) / Math.sqrt(variance + epsilon)) * weight[i] + (bias?.[i] ?? 0))
}

/** x / sqrt(mean of squares + epsilon) * weight. */
export function rmsNorm(x: ArrayLike<number>, weight: ArrayLike<number>, epsilon: number): Float64Array {
  const values = Float64Array.from(x)
  const square = dot(values, values) / values.length
  return values.map((v, i) => (v / Math.sqrt(square + epsilon)) * weight[i])
}

/** Stick-breaking weights of a query for scores from the newest key to the oldest. */
export function stickBreaking(scores: number[]): number[] {
  let stick = 1
  return scores.map((z) => {
    const weight = sigmoid(z) * stick
    stick *= sigmoid(-z)
    return weight
  })
}

/**
 * Dot product of a row of weights and x, plus `start`, in double precision, with the sum of magnitudes, which bounds
 * float32's rounding errors.
 */
export function rowProduct(
  weights: ArrayLike<number>,
  x: ArrayLike<number>,
  start = 0,
): { sum: number; magnitude: number } {
  let sum = start
  let magnitude = Math.abs(start)
  for (let k = 0; k < weights.length; k++) {
    sum += weights[k] * x[k]
    magnitude += Math.abs(weights[k] * x[k])
  }
  return { sum, magnitude }
}

export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i]
  return sum
}

const float = new Float32Array(1)
const bits = new Uint32Array(float.buffer)

/** The nearest bfloat16, ties to even. */
export function nearestBfloat16(value: number): number {
  float[0] = value
  bits[0] = (bits[0] + 0x7fff + ((bits[0] >>> 16) & 1)) & 0xffff0000
  return float[0]
}
