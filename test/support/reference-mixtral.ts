import type { DecoderConfig } from '#molm/architectures/decoder-config.js'
import { ACTIVATIONS, dot, rmsNorm } from './reference-math.js'
import type { Tensors } from './reference-model.js'

const { fround } = Math

type Row = Float64Array<ArrayBufferLike>

/**
 * Logits of a Mixtral in double precision, one row per token, written as plainly as the mathematics: no cache, no
 * groups of experts. Only the angles of RoPE are float32, since Hugging Face transformers computes them so in any
 * precision. `frequencies` has one entry per channel pair of a head; `size` is the factor of cos and sin.
 */
export function mixtralLogits(
  config: DecoderConfig,
  tensors: Tensors,
  tokens: readonly number[],
  { frequencies, size = 1 }: { frequencies: ArrayLike<number>; size?: number },
): Float64Array[] {
  const { width: d, layers, heads: H, keyValueHeads: K, headSize, window = Infinity, epsilon } = config
  const get = (key: string) => {
    const tensor = tensors.get(key)
    if (!tensor) throw new Error(`no tensor ${key}`)
    return tensor
  }
  const linear = (key: string, x: ArrayLike<number>) => product(get(`${key}.weight`), x)
  const turned = (row: Row, position: number) => rotated(row, { headSize, frequencies, size, position })
  const embedding = get('model.embed_tokens.weight')
  let x: Row[] = tokens.map((id) => Float64Array.from(embedding.subarray(id * d, (id + 1) * d)))

  for (let l = 0; l < layers; l++) {
    const block = `model.layers.${l}`
    const a = x.map((row) => rmsNorm(row, get(`${block}.input_layernorm.weight`), epsilon))
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

    x = x.map((row) => {
      const b = rmsNorm(row, get(`${block}.post_attention_layernorm.weight`), epsilon)
      const moe = `${block}.block_sparse_moe`
      const p = softmax([...linear(`${moe}.gate`, b)])
      const chosen = [...p.keys()].sort((i, j) => p[j] - p[i]).slice(0, config.mixtures[0].topK)
      const all = chosen.reduce((all, e) => all + p[e], 0)
      return chosen.reduce<Row>((row, e) => {
        const up = linear(`${moe}.experts.${e}.w3`, b)
        const gated = linear(`${moe}.experts.${e}.w1`, b).map((value, i) => ACTIVATIONS.silu(value) * up[i])
        return sum(
          row,
          linear(`${moe}.experts.${e}.w2`, gated).map((value) => (value * p[e]) / all),
        )
      }, row)
    })
  }
  return x.map((row) => linear('lm_head', rmsNorm(row, get('model.norm.weight'), epsilon)))
}

/** Channel i of a head is a pair with channel i + headSize / 2. */
function rotated(
  row: Row,
  of: { headSize: number; frequencies: ArrayLike<number>; size: number; position: number },
): Row {
  const half = of.headSize / 2
  const out = new Float64Array(row.length)
  for (let at = 0; at < row.length; at += of.headSize) {
    for (let i = 0; i < half; i++) {
      const angle = fround(of.frequencies[i] * of.position)
      const [c, s] = [of.size * Math.cos(angle), of.size * Math.sin(angle)]
      const [a, b] = [row[at + i], row[at + half + i]]
      out[at + i] = a * c - b * s
      out[at + half + i] = b * c + a * s
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

function sum(a: Row, b: Row): Row {
  return a.map((value, i) => value + b[i])
}

function softmax(scores: readonly number[]): number[] {
  const most = Math.max(...scores)
  const e = scores.map((z) => Math.exp(z - most))
  const all = e.reduce((a, b) => a + b, 0)
  return e.map((value) => value / all)
}
