import { type Chosen, type Keys, largest, type Passed } from './reference-families.js'
import { type ReferenceTensors, type Row, readerOf, rotated, softmax, sum } from './reference-layers.js'
import { ACTIVATIONS, dot, rmsNorm } from './reference-math.js'
import { rotationOf } from './reference-rope.js'

/* ZAYA in double precision, from the raw keys of config.json, independent of the library. */

export interface ZayaKeys extends Omit<Keys, 'rope_parameters'> {
  cca_time0?: number
  cca_time1?: number
  lm_head_bias?: boolean
  num_experts?: number
  rope_parameters?: Record<string, { rope_theta: number; partial_rotary_factor?: number }>
}

const DEFAULTS = {
  hybrid: { rope_theta: 5e6, partial_rotary_factor: 0.5 },
  hybrid_sliding: { rope_theta: 1e4, partial_rotary_factor: 0.5 },
}

type Linear = (key: string, x: ArrayLike<number>) => Row

/** x = RS(CCA(N x), x);  x = RS(Moe(N x), x). */
export function zayaForward(keys: ZayaKeys, tensors: ReferenceTensors, tokens: readonly number[]): Passed {
  const read = readerOf(tensors)
  const {
    hidden_size: d,
    num_hidden_layers: layers,
    rms_norm_eps: eps = 1e-5,
    tie_word_embeddings: isTied = true,
  } = keys
  const vector = (key: string): Row => Float64Array.from(read.get(key))
  const scaled = (x: Row, key: string, name: string) => {
    const [bias, scale] = [vector(`${key}${name}_bias`), vector(`${key}${name}_scale`)]
    return x.map((value, i) => (value + bias[i]) * scale[i])
  }
  const normed = (x: Row, key: string) => rmsNorm(x, read.get(`${key}.weight`), eps)
  const chosen: Chosen[][][] = []
  let states: Row[] | undefined
  let x = tokens.map((id) => scaled(read.row('model.embed_tokens', id, d), 'model.input_', 'hidden_states'))
  const add = (outputs: Row[], key: string) => {
    x = x.map((row, t) => {
      const other = scaled(outputs[t], key, 'hidden_states')
      return scaled(row, key, 'residual').map((value, i) => value + other[i])
    })
  }
  for (let l = 0; l < layers; l++) {
    const block = `model.layers.${l}`
    const u = x.map((row) => normed(row, `${block}.input_layernorm`))
    add(compressedAttention(keys, l, u, read.linear, vector), `${block}.post_attention_residual_scale.`)
    const y = x.map((row) => normed(row, `${block}.post_attention_layernorm`))
    const gate = `${block}.mlp.gate`
    const before = states
    const now = y.map((row, t) => {
      const factors = before && vector(`${gate}.router_states_scale`)
      return read
        .linear(`${gate}.down_proj`, row)
        .map((s, i) => s + (before && factors ? before[t][i] * factors[i] : 0))
    })
    states = now
    const outputs = y.map((row, t) => {
      const h = normed(now[t], `${gate}.router_mlp.norm`)
      const first = read.linear(`${gate}.router_mlp.fc1`, h).map(ACTIVATIONS.gelu)
      const second = read.linear(`${gate}.router_mlp.fc2`, first).map(ACTIVATIONS.gelu)
      const p = softmax([...read.linear(`${gate}.router_mlp.out_proj`, second)])
      const bias = vector(`${gate}.balancing_biases`)
      const ranks = p.map((value, e) => value + bias[e])
      const [id] = largest(ranks.slice(0, -1), 1)
      // The last class passes the row on.
      if ((ranks.at(-1) ?? 0) > ranks[id]) return { id, gate: p[p.length - 1], y: row }
      return { id, gate: p[id], y: expert(tensors, `${block}.mlp.experts`, id, row) }
    })
    chosen.push(outputs.map(({ id, gate }) => [{ id, gate }]))
    add(
      outputs.map(({ gate, y }) => y.map((value) => gate * value)),
      `${block}.post_mlp_residual_scale.`,
    )
  }
  const head = isTied ? 'model.embed_tokens' : 'lm_head'
  const logits = x.map((row) => read.linear(head, normed(row, 'model.norm')))
  // `linear` has added the bias of an untied head.
  if (!isTied || !keys.lm_head_bias) return { logits, chosen }
  return { logits: logits.map((row) => sum(row, vector('lm_head.bias'))), chosen }
}

/** An expert of the tensors gate_up_proj [E, 2 f, d] and down_proj [E, d, f]. */
function expert(tensors: ReferenceTensors, key: string, id: number, x: Row): Row {
  const matrix = (name: string, columns: number, from: number, rows: number) => {
    const all = tensors.get(`${key}.${name}`) ?? []
    return (input: Row) =>
      Float64Array.from({ length: rows }, (_, row) => {
        let sum = 0
        for (let i = 0; i < columns; i++) sum += all[from + row * columns + i] * input[i]
        return sum
      })
  }
  const d = x.length
  const experts = (tensors.get(`${key.replace(/experts$/, 'gate.balancing_biases')}`)?.length ?? 0) - 1
  const f = (tensors.get(`${key}.down_proj`)?.length ?? 0) / experts / d
  const both = matrix('gate_up_proj', d, id * 2 * f * d, 2 * f)(x)
  const h = both.subarray(0, f).map((gate, i) => ACTIVATIONS.silu(gate) * both[f + i])
  return matrix('down_proj', f, id * d * f, d)(h)
}

function compressedAttention(
  keys: ZayaKeys,
  layer: number,
  u: readonly Row[],
  linear: Linear,
  vector: (key: string) => Row,
): Row[] {
  const { num_attention_heads: H, num_key_value_heads: K = H, head_dim, cca_time0: n0 = 2, cca_time1: n1 = 2 } = keys
  const n = head_dim ?? 128
  const kind = keys.layer_types?.[layer] === 'hybrid_sliding' ? 'hybrid_sliding' : 'hybrid'
  const window = kind === 'hybrid_sliding' ? (keys.sliding_window ?? 0) : Number.POSITIVE_INFINITY
  const rope = (keys.rope_parameters ?? DEFAULTS)[kind]
  const turned = Math.trunc(n * (rope.partial_rotary_factor ?? 1))
  const rotation = rotationOf({ rope_theta: rope.rope_theta }, turned, { theta: 0 })
  const attention = `model.layers.${layer}.self_attn`
  const qkv = `${attention}.qkv_proj`
  const all = (H + K) * n
  const zeros = new Float64Array(u[0].length)
  const head = (row: Row, index: number) => row.subarray(index * n, (index + 1) * n)

  // Before the text are n0 + n1 - 2 tokens whose projections are zeros.
  const past = n0 + n1 - 2
  const projected = u.map((row) =>
    Float64Array.from([...linear(`${qkv}.q_proj`, row), ...linear(`${qkv}.k_proj`, row)]),
  )
  const c = [...Array.from({ length: past }, () => new Float64Array(all)), ...projected]
  const [w0, b0] = [vector(`${qkv}.conv_qk_depthwise.weight`), vector(`${qkv}.conv_qk_depthwise.bias`)]
  const [w1, b1] = [vector(`${qkv}.conv_qk_grouped.weight`), vector(`${qkv}.conv_qk_grouped.bias`)]
  const first = c.slice(n0 - 1).map((_, t) =>
    b0.map((bias, ch) => {
      let sum = bias
      for (let i = 0; i < n0; i++) sum += w0[ch * n0 + i] * c[t + i][ch]
      return sum
    }),
  )
  const second = first.slice(n1 - 1).map((_, t) =>
    b1.map((bias, ch) => {
      let sum = bias
      for (let i = 0; i < n1; i++) {
        const input = head(first[t + i], Math.floor(ch / n))
        for (let j = 0; j < n; j++) sum += w1[(ch * n + j) * n1 + i] * input[j]
      }
      return sum
    }),
  )
  const temperatures = vector(`${attention}.qk_norm.temp`)
  const place = (row: Row, t: number, factor: number) => {
    const length = Math.sqrt(dot(row, row))
    const unit = row.map((value) => (factor * Math.sqrt(n) * value) / length)
    return rotated(unit, t, rotation)
  }
  const groupOf = (h: number) => Math.floor((h * K) / H)
  const mean = (t: number, h: number) =>
    head(projected[t], h).map((value, i) => (value + head(projected[t], H + groupOf(h))[i]) / 2)
  const heads = Array.from({ length: H }, (_, h) => h)
  const q = u.map((_, t) =>
    heads.map((h) =>
      place(
        mean(t, h).map((value, i) => value + head(second[t], h)[i]),
        t,
        1,
      ),
    ),
  )
  const k = u.map((_, t) =>
    Array.from({ length: K }, (_, j) => {
      const group = heads.filter((h) => groupOf(h) === j)
      const sum = head(second[t], H + j).map((value, i) => {
        return value + group.reduce((sum, h) => sum + mean(t, h)[i], 0) / group.length
      })
      return place(sum, t, temperatures[j])
    }),
  )
  const v = u.map((row, t) =>
    Float64Array.from([...linear(`${qkv}.v_proj_current`, row), ...linear(`${qkv}.v_proj_delayed`, u[t - 1] ?? zeros)]),
  )
  return u.map((_, t) => {
    const o = new Float64Array(H * n)
    for (const h of heads) {
      const from = Math.max(0, t - window + 1)
      const scores = k.slice(from, t + 1).map((row) => dot(q[t][h], row[groupOf(h)]) / Math.sqrt(n))
      for (const [i, weight] of softmax(scores).entries()) {
        for (let ch = 0; ch < n; ch++) o[h * n + ch] += weight * head(v[from + i], groupOf(h))[ch]
      }
    }
    return linear(`${attention}.o_proj`, o)
  })
}
