import { ACTIVATIONS, dot, rmsNorm, sigmoid } from './reference-math.js'

/*
 * Layers of decoders in double precision, written as plainly as their formulas: no cache, no groups of experts. Each
 * takes and returns the rows of all tokens of a text.
 */

export type Row = Float64Array<ArrayBufferLike>

/** Tensors of a checkpoint by their keys, row-major. */
export type ReferenceTensors = ReadonlyMap<string, ArrayLike<number>>

/** Names of the matrices gate, up and down of a gated layer. */
export type GatedNames = readonly [gate: string, up: string, down: string]

/** Reads a checkpoint's tensors. */
export interface Reader {
  has(key: string): boolean
  get(key: string): ArrayLike<number>
  /** Row of the matrix `KEY.weight`. */
  row(key: string, index: number, width: number): Row
  /** Product with the matrix `KEY.weight`, plus `KEY.bias` if there is one. */
  linear(key: string, x: ArrayLike<number>): Row
  /** down( act(gate x) * (up x) ) of the matrices `KEY.NAME`. */
  gated(key: string, x: Row, names?: GatedNames, act?: (x: number) => number): Row
  /** The same of expert `e` in tensors [expert, 2 hidden, d], whose first rows are the gate's, and [expert, d, hidden]. */
  stacked(
    names: readonly [input: string, output: string],
    e: number,
    hidden: number,
    x: Row,
    act?: (x: number) => number,
  ): Row
}

export function readerOf(tensors: ReferenceTensors): Reader {
  const get = (key: string) => {
    const tensor = tensors.get(key)
    if (!tensor) throw new Error(`no tensor ${key}`)
    return tensor
  }
  const linear = (key: string, x: ArrayLike<number>) => {
    const y = product(get(`${key}.weight`), x)
    const bias = tensors.get(`${key}.bias`)
    return bias ? sum(y, Float64Array.from(bias)) : y
  }
  return {
    has: (key) => tensors.has(key),
    get,
    row(key, index, width) {
      const table = get(`${key}.weight`)
      return Float64Array.from({ length: width }, (_, i) => table[index * width + i])
    },
    linear,
    gated(key, x, [gate, up, down] = ['gate_proj', 'up_proj', 'down_proj'], act = ACTIVATIONS.silu) {
      const ups = linear(`${key}.${up}`, x)
      const h = linear(`${key}.${gate}`, x).map((value, i) => act(value) * ups[i])
      return linear(`${key}.${down}`, h)
    },
    stacked([input, output], e, hidden, x, act = ACTIVATIONS.silu) {
      const [d, weights] = [x.length, Float64Array.from(get(output))]
      const h = product(Float64Array.from(get(input)).subarray(e * 2 * hidden * d, (e + 1) * 2 * hidden * d), x)
      const inner = h.subarray(0, hidden).map((value, i) => act(value) * h[hidden + i])
      return product(weights.subarray(e * d * hidden, (e + 1) * d * hidden), inner)
    },
  }
}

/** Rotary positions. Only the angles are float32, as Hugging Face transformers has them. */
export interface Rotation {
  /** One entry per channel pair of a head. */
  frequencies: ArrayLike<number>
  /** Factor of cos and sin. Default 1. */
  size?: number
  /** Halves: channel i turns with channel i + half, half being the number of pairs. Neighbours: 2 i with 2 i + 1. */
  pairs?: 'halves' | 'neighbours'
}

export interface AttentionRules {
  heads: number
  keyValueHeads: number
  headSize: number
  /** Default: no positions. */
  rotation?: Rotation
  /** Keys that a token sees, its own included. Default: all. */
  window?: number
  /** Factor of the scores. Default 1 / sqrt(headSize). */
  scale?: number
  /** Epsilon of the RMS norms of each head. Default: no norms. */
  headNorms?: number
  /** Their names after `q_` and `k_`. Default: `layernorm`. */
  headNorm?: string
  /** Whether the norms are over all heads together. */
  normsRows?: boolean
  /** Name of the projection whose sigmoids multiply the heads' outputs, by channel or by head. Default: none. */
  gate?: string
  /** In place of the sigmoid. */
  gateOf?: (z: number) => number
  /** A score per head without a value. Default: none. */
  sinks?: ArrayLike<number>
  /** Epsilon of the RMS norms of each head of values, which have no weight. Default: no norms. */
  valueNorms?: number
  /** Name of the last projection. */
  output?: string
}

/** Causal grouped-query attention of normed rows. */
export function attention(read: Reader, key: string, y: readonly Row[], rules: AttentionRules): Row[] {
  const { heads: H, keyValueHeads: K, headSize, rotation, window = Infinity, output = 'o_proj', sinks } = rules
  const {
    scale = 1 / Math.sqrt(headSize),
    headNorms,
    headNorm = 'layernorm',
    gate,
    gateOf = sigmoid,
    valueNorms,
  } = rules
  const placed = (name: 'q' | 'k') =>
    y.map((row, t) => {
      const projected = read.linear(`${key}.${name}_proj`, row)
      const gain = headNorms && read.get(`${key}.${name}_${headNorm}.weight`)
      const span = rules.normsRows ? projected.length : headSize
      const normed = gain ? ofHeads(projected, span, (head) => rmsNorm(head, gain, headNorms)) : projected
      return rotation ? ofHeads(normed, headSize, (head) => rotated(head, t, rotation)) : normed
    })
  const [q, k] = [placed('q'), placed('k')]
  const values = read.has(`${key}.v_proj.weight`) ? 'v_proj' : 'k_proj'
  const ones = new Float64Array(headSize).fill(1)
  const v = y.map((row) => {
    const projected = read.linear(`${key}.${values}`, row)
    return valueNorms ? ofHeads(projected, headSize, (head) => rmsNorm(head, ones, valueNorms)) : projected
  })
  return y.map((row, t) => {
    const o = new Float64Array(H * headSize)
    for (let h = 0; h < H; h++) {
      const at = Math.floor((h * K) / H) * headSize
      const first = Math.max(0, t - window + 1)
      const query = q[t].subarray(h * headSize, (h + 1) * headSize)
      const scores = k.slice(first, t + 1).map((key) => dot(query, key.subarray(at)) * scale)
      const weights = softmax(sinks ? [...scores, sinks[h]] : scores)
      for (let i = 0; i < scores.length; i++) {
        for (let c = 0; c < headSize; c++) o[h * headSize + c] += weights[i] * v[first + i][at + c]
      }
    }
    const gates = gate && read.linear(`${key}.${gate}`, row)
    const gated = gates ? o.map((value, i) => value * gateOf(gates[Math.floor((i * gates.length) / o.length)])) : o
    return read.linear(`${key}.${output}`, gated)
  })
}

/** LFM2's gated short convolution of normed rows. The last tap is the present token. */
export function shortConvolution(read: Reader, key: string, y: readonly Row[], taps: number): Row[] {
  const d = y[0].length
  const third = (row: Row, i: number) => row.subarray(i * d, (i + 1) * d)
  const projected = y.map((row) => read.linear(`${key}.in_proj`, row))
  const v = projected.map((row) => third(row, 0).map((b, c) => b * third(row, 2)[c]))
  const filter = read.get(`${key}.conv.weight`)
  const bias = read.has(`${key}.conv.bias`) ? read.get(`${key}.conv.bias`) : new Float64Array(d)
  return projected.map((row, t) => {
    const gated = third(row, 1).map((gate, c) => {
      let filtered = bias[c]
      for (let j = 0; j < taps; j++) filtered += filter[c * taps + j] * (v[t - (taps - 1) + j]?.[c] ?? 0)
      return gate * filtered
    })
    return read.linear(`${key}.out_proj`, gated)
  })
}

export interface Mamba2Rules {
  heads: number
  headSize: number
  groups: number
  stateSize: number
  taps: number
  eps: number
  /** Limits of a token's step. Default: none. */
  limits?: readonly [number, number]
  /** Groups of channels that the last norm takes by themselves. Default: 1. */
  normGroups?: number
}

/** Mamba-2 of normed rows: z | X | B | C | dt are the rows of the first projection. */
export function mamba2(read: Reader, key: string, y: readonly Row[], rules: Mamba2Rules): Row[] {
  const { heads: H, headSize: P, groups: G, stateSize: N, taps, limits = [0, Infinity], eps, normGroups = 1 } = rules
  const [I, channels] = [H * P, H * P + 2 * G * N]
  const projected = y.map((row) => read.linear(`${key}.in_proj`, row))
  const filter = read.get(`${key}.conv1d.weight`)
  const bias = read.has(`${key}.conv1d.bias`) ? read.get(`${key}.conv1d.bias`) : new Float64Array(channels)
  const state = Array.from({ length: H * P }, () => new Float64Array(N))
  return projected.map((row, t) => {
    const xbc = Float64Array.from({ length: channels }, (_, c) => {
      let filtered = bias[c]
      for (let j = 0; j < taps; j++) filtered += filter[c * taps + j] * (projected[t - (taps - 1) + j]?.[I + c] ?? 0)
      return ACTIVATIONS.silu(filtered)
    })
    const o = Float64Array.from({ length: I }, (_, i) => {
      const h = Math.floor(i / P)
      const at = I + Math.floor((h * G) / H) * N
      const raw = row[I + channels + h] + read.get(`${key}.dt_bias`)[h]
      const dt = Math.min(Math.max(Math.log1p(Math.exp(raw)), limits[0]), limits[1])
      const decay = Math.exp(-Math.exp(read.get(`${key}.A_log`)[h]) * dt)
      state[i] = state[i].map((s, n) => decay * s + dt * xbc[i] * xbc[at + n])
      return dot(state[i], xbc.subarray(at + G * N)) + read.get(`${key}.D`)[h] * xbc[i]
    })
    const gated = o.map((value, i) => value * ACTIVATIONS.silu(row[i]))
    const weight = Float64Array.from(read.get(`${key}.norm.weight`))
    const span = I / normGroups
    for (let at = 0; at < I; at += span) {
      gated.set(rmsNorm(gated.subarray(at, at + span), weight.subarray(at), eps), at)
    }
    return read.linear(`${key}.out_proj`, gated)
  })
}

function ofHeads(row: Row, headSize: number, change: (head: Row) => Row): Row {
  const out = new Float64Array(row.length)
  for (let at = 0; at < row.length; at += headSize) out.set(change(row.subarray(at, at + headSize)), at)
  return out
}

export function rotated(head: Row, position: number, { frequencies, size = 1, pairs = 'halves' }: Rotation): Row {
  const half = frequencies.length
  const [step, apart] = pairs === 'neighbours' ? [2, 1] : [1, half]
  const out = head.slice()
  for (let i = 0; i < half; i++) {
    const angle = Math.fround(frequencies[i] * position)
    const [c, s] = [size * Math.cos(angle), size * Math.sin(angle)]
    const [a, b] = [head[step * i], head[step * i + apart]]
    out[step * i] = a * c - b * s
    out[step * i + apart] = b * c + a * s
  }
  return out
}

function product(weights: ArrayLike<number>, x: ArrayLike<number>): Row {
  const columns = x.length
  return Float64Array.from({ length: weights.length / columns }, (_, row) => {
    let sum = 0
    for (let i = 0; i < columns; i++) sum += weights[row * columns + i] * x[i]
    return sum
  })
}

export function sum(a: Row, b: Row): Row {
  return a.map((value, i) => value + b[i])
}

/** Adds outputs times their gates. */
export function weighted(x: Row, outputs: readonly { gate: number; y: Row }[]): Row {
  return outputs.reduce((x, { gate, y }) => x.map((value, i) => value + gate * y[i]), x)
}

export function softmax(scores: readonly number[]): number[] {
  const most = Math.max(...scores)
  const e = scores.map((z) => Math.exp(z - most))
  const all = e.reduce((a, b) => a + b, 0)
  return e.map((value) => value / all)
}
