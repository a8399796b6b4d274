import type { DecoderConfig } from '#molm/architectures/decoder-config.js'
import { ACTIVATIONS, dot, rmsNorm } from './reference-math.js'
import type { Tensors } from './reference-model.js'

const { fround } = Math

export type Row = Float64Array<ArrayBufferLike>

export interface DecoderRules {
  /** One entry per channel pair of a head. Only the angles of RoPE are float32, as Hugging Face transformers has them. */
  frequencies: ArrayLike<number>
  /** Factor of cos and sin. Default 1. */
  size?: number
  /** Names of a layer's norms. */
  norms?: readonly [string, string]
  /** Adds to x the output of a layer's feed-forward part for its normalised input. */
  feed: (layer: number, input: Row, x: Row, read: Reader) => Row
}

/** Reads a checkpoint's tensors. */
export interface Reader {
  has(key: string): boolean
  get(key: string): ArrayLike<number>
  /** Product with the matrix `KEY.weight`, plus `KEY.bias` if there is one. */
  linear(key: string, x: ArrayLike<number>): Row
  /** down( silu(gate x) * (up x) ) of the matrices `KEY.NAME`. */
  gated(key: string, x: Row, names?: readonly [string, string, string]): Row
}

/**
 * Logits of a pre-norm decoder in double precision, one row per token, written as plainly as the mathematics: no cache,
 * no groups of experts.
 */
export function decoderLogits(
  config: DecoderConfig,
  tensors: Tensors,
  tokens: readonly number[],
  { frequencies, size = 1, norms = ['input_layernorm', 'post_attention_layernorm'], feed }: DecoderRules,
): Float64Array[] {
  const { width: d, layers, heads: H, keyValueHeads: K, headSize, window = Infinity, epsilon, rope } = config
  const read = readerOf(tensors)
  const { get, linear } = read
  const turned = (row: Row, position: number) => {
    return rotated(row, { headSize, frequencies, size, position, pairs: rope.pairs })
  }
  const embedding = tensors.get('model.embed_tokens.weight') ?? new Float32Array()
  let x: Row[] = tokens.map((id) => Float64Array.from(embedding.subarray(id * d, (id + 1) * d)))

  for (let l = 0; l < layers; l++) {
    const block = `model.layers.${l}`
    const a = x.map((row) => rmsNorm(row, get(`${block}.${norms[0]}.weight`), epsilon))
    const q = a.map((row, t) => turned(linear(`${block}.self_attn.q_proj`, row), t))
    const k = a.map((row, t) => turned(linear(`${block}.self_attn.k_proj`, row), t))
    const v = a.map((row) => linear(`${block}.self_attn.v_proj`, row))
    x = x.map((row, t) => {
      const o = new Float64Array(H * headSize)
      for (let h = 0; h < H; h++) {
        const at = Math.floor((h * K) / H) * headSize
        const first = Math.max(0, t - window + 1)
        const query = q[t].subarray(h * headSize, (h + 1) * headSize)
        const scores = k.slice(first, t + 1).map((key) => dot(query, key.subarray(at)) / Math.sqrt(headSize))
        for (const [i, weight] of softmax(scores).entries()) {
          for (let c = 0; c < headSize; c++) o[h * headSize + c] += weight * v[first + i][at + c]
        }
      }
      return sum(row, linear(`${block}.self_attn.o_proj`, o))
    })
    x = x.map((row) => feed(l, rmsNorm(row, get(`${block}.${norms[1]}.weight`), epsilon), row, read))
  }
  const head = config.tieWordEmbeddings ? 'model.embed_tokens' : 'lm_head'
  return x.map((row) => linear(head, rmsNorm(row, get('model.norm.weight'), epsilon)))
}

function readerOf(tensors: Tensors): Reader {
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
    linear,
    gated(key, x, [gate, up, down] = ['gate_proj', 'up_proj', 'down_proj']) {
      const ups = linear(`${key}.${up}`, x)
      const h = linear(`${key}.${gate}`, x).map((value, i) => ACTIVATIONS.silu(value) * ups[i])
      return linear(`${key}.${down}`, h)
    },
  }
}

/** Adds outputs times their gates. */
export function weighted(x: Row, outputs: readonly { gate: number; y: Row }[]): Row {
  return outputs.reduce((x, { gate, y }) => x.map((value, i) => value + gate * y[i]), x)
}

/** Channel i of a head is a pair with channel i + headSize / 2; as neighbours, channels 2 i and 2 i + 1 are one. */
function rotated(
  row: Row,
  of: { headSize: number; frequencies: ArrayLike<number>; size: number; position: number; pairs?: string },
): Row {
  const half = of.headSize / 2
  const [step, apart] = of.pairs === 'neighbours' ? [2, 1] : [1, half]
  const out = new Float64Array(row.length)
  for (let at = 0; at < row.length; at += of.headSize) {
    for (let i = 0; i < half; i++) {
      const angle = fround(of.frequencies[i] * of.position)
      const [c, s] = [of.size * Math.cos(angle), of.size * Math.sin(angle)]
      const first = at + step * i
      const [a, b] = [row[first], row[first + apart]]
      out[first] = a * c - b * s
      out[first + apart] = b * c + a * s
    }
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

export function softmax(scores: readonly number[]): number[] {
  const most = Math.max(...scores)
  const e = scores.map((z) => Math.exp(z - most))
  const all = e.reduce((a, b) => a + b, 0)
  return e.map((value) => value / all)
}
