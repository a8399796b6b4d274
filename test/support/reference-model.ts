import type { ModuleFormerConfig } from '#molm/architectures/moduleformer.js'
import { type MixtureKind, mixtureOf } from '#molm/model/config.js'
import { usedIn } from '#molm/model/experts-per-token.js'
import { ACTIVATIONS, dot, layerNorm, stickBreaking } from './reference-math.js'

/** Tensors of a checkpoint by their Hugging Face keys, row-major. */
export type Tensors = Map<string, Float32Array | Float64Array>

/** Chosen experts and gates of one token, with the probabilities of all experts. */
export interface Choice {
  ids: number[]
  gates: number[]
  p: number[]
}

export interface ReferenceResult {
  /** One row per token. */
  logits: Float64Array[]
  /** Residual stream after each block, at the last token. */
  hidden: Float64Array[]
  /** By layer, then by token. */
  routes: { attention: Choice[]; mlp: Choice[] }[]
}

/**
 * The model in double precision, written as plainly as the mathematics: every token attends to all before it, without a
 * cache and without early stopping.
 */
export function referenceForward(config: ModuleFormerConfig, tensors: Tensors, tokens: number[]): ReferenceResult {
  const { width: d, layers } = config
  const get: Get = (key) => {
    const tensor = tensors.get(key)
    if (!tensor) throw new Error(`no tensor ${key}`)
    return tensor
  }
  const wte = get('transformer.wte.weight')
  let x: Float64Array[] = tokens.map((id) => Float64Array.from(wte.subarray(id * d, (id + 1) * d)))
  const hidden: Float64Array[] = []
  const routes: ReferenceResult['routes'] = []
  const norm = (key: string) => x.map((row) => layerNorm(row, get(`${key}.weight`), get(`${key}.bias`)))

  for (let l = 0; l < layers; l++) {
    const block = `transformer.h.${l}`
    const a = norm(`${block}.ln_1`)
    const attention = a.map((row) =>
      route(config, get, `${block}.attn.q_proj.gate`, row, usedBy(config, 'attention', l)),
    )
    x = added(x, attend(config, get, `${block}.attn`, a, attention))

    const b = norm(`${block}.ln_2`)
    const mlp = b.map((row) => route(config, get, `${block}.mlpf.gate`, row, usedBy(config, 'mlp', l)))
    x = added(
      x,
      b.map((row, t) => mlpOf(config, get, `${block}.mlpf`, row, mlp[t])),
    )
    hidden.push(x[x.length - 1])
    routes.push({ attention, mlp })
  }

  const head = config.tieWordEmbeddings ? wte : get('lm_head.weight')
  const logits = norm('transformer.ln_f').map((row) => linear(head, row))
  return { logits, hidden, routes }
}

function usedBy(config: ModuleFormerConfig, kind: MixtureKind, layer: number): number {
  const mixture = mixtureOf(config, kind)
  return mixture ? usedIn(mixture, layer) : 0
}

type Get = (key: string) => Float32Array | Float64Array

function route(config: ModuleFormerConfig, get: Get, gate: string, a: Float64Array, k: number): Choice {
  const logits = gateLogits(config, get, gate, a)
  const most = Math.max(...logits)
  const e = logits.map((z) => Math.exp(z - most))
  const sum = e.reduce((a, b) => a + b, 0)
  const ids = [...e.keys()].sort((i, j) => e[j] - e[i]).slice(0, k)
  const p = [...e].map((value) => value / sum)
  return { ids, gates: ids.map((i) => p[i]), p }
}

function gateLogits(config: ModuleFormerConfig, get: Get, gate: string, a: Float64Array): Float64Array {
  if (config.gateType === 'linear') return linear(get(`${gate}.w_gate.0.weight`), a)
  if (config.gateType === 'mlp') {
    const h = linear(get(`${gate}.w_gate.0.weight`), a, get(`${gate}.w_gate.0.bias`)).map(ACTIVATIONS.gelu)
    return linear(get(`${gate}.w_gate.3.weight`), h)
  }
  const z = linear(get(`${gate}.w_gate.weight`), a)
  const centroids = get(`${gate}.expert_centroids`)
  const length = (v: ArrayLike<number>) => Math.max(Math.sqrt(dot(v, v)), 1e-12)
  const factor = Math.exp(get(`${gate}.temperature`)[0])
  return Float64Array.from({ length: centroids.length / z.length }, (_, e) => {
    const centroid = centroids.subarray(e * z.length, (e + 1) * z.length)
    return (dot(z, centroid) / length(z) / length(centroid)) * factor
  })
}

function attend(
  config: ModuleFormerConfig,
  get: Get,
  attn: string,
  a: Float64Array[],
  choices: Choice[],
): Float64Array[] {
  const { attentionHidden: A, heads: H, sharedKeyValue, width: d } = config
  const s = A / H
  const project = (name: string) =>
    a.map((row) => (sharedKeyValue ? row : linear(get(`${attn}.${name}.weight`), row, get(`${attn}.${name}.bias`))))
  const keys = project('k_proj')
  const values = project('v_proj')
  return a.map((row, i) => {
    const sum = new Float64Array(d)
    for (const [slot, e] of choices[i].ids.entries()) {
      const q = expert(get(`${attn}.q_proj.experts.weight`), e, row, A)
      const o = new Float64Array(A)
      for (let h = 0; h < H; h++) {
        const head = (v: Float64Array) => v.subarray(h * s, (h + 1) * s)
        const back = Array.from({ length: i + 1 }, (_, n) => i - n)
        const weights = stickBreaking(back.map((j) => dot(head(q), head(keys[j])) / Math.sqrt(s)))
        for (const [n, j] of back.entries()) {
          for (let c = 0; c < s; c++) o[h * s + c] += weights[n] * values[j][h * s + c]
        }
      }
      const y = expert(get(`${attn}.q_proj.output_experts.weight`), e, o, d)
      for (let c = 0; c < d; c++) sum[c] += choices[i].gates[slot] * y[c]
    }
    return sum
  })
}

function mlpOf(
  config: ModuleFormerConfig,
  get: Get,
  mlp: string,
  a: Float64Array,
  { ids, gates }: Choice,
): Float64Array {
  const { ffnHidden: F, width: d, activation } = config
  const sum = new Float64Array(d)
  for (const [slot, e] of ids.entries()) {
    const h = expert(get(`${mlp}.experts.weight`), e, a, F).map(ACTIVATIONS[activation])
    const y = expert(get(`${mlp}.output_experts.weight`), e, h, d)
    for (let c = 0; c < d; c++) sum[c] += gates[slot] * y[c]
  }
  return sum
}

/** y = W x + b with W [out, in]. */
function linear(
  weight: Float32Array | Float64Array,
  x: Float64Array,
  bias?: Float32Array | Float64Array,
): Float64Array {
  const n = x.length
  const y = new Float64Array(weight.length / n)
  for (let r = 0; r < y.length; r++) {
    let sum = 0
    for (let i = 0; i < n; i++) sum += weight[r * n + i] * x[i]
    y[r] = sum + (bias ? bias[r] : 0)
  }
  return y
}

/** y = x W[e] with W [expert, in, out]. */
function expert(weight: Float32Array | Float64Array, e: number, x: Float64Array, outputs: number): Float64Array {
  const y = new Float64Array(outputs)
  const first = e * x.length * outputs
  for (let i = 0; i < x.length; i++) {
    const row = first + i * outputs
    for (let o = 0; o < outputs; o++) y[o] += x[i] * weight[row + o]
  }
  return y
}

function added(x: Float64Array[], y: Float64Array[]): Float64Array[] {
  return x.map((row, t) => row.map((value, c) => value + y[t][c]))
}
