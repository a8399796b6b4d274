import { type MixtureKind, mixtureOf } from '#molm/model/config/config.js'
import { usedIn } from '#molm/model/config/experts-per-token.js'
import type { ModuleFormerConfig } from '#molm/model/families/moduleformer/moduleformer.js'
import { changedAfter, changedOutputs } from './reference-changes.js'
import { type Reader, type Row, readerOf, softmax, sum, weighted } from './reference-layers.js'
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
  logits: Row[]
  /** Residual stream after each block, at the last token. */
  hidden: Row[]
  /** By layer, then by token. */
  routes: { attention: Choice[]; mlp: Choice[] }[]
}

/**
 * The model in double precision, written as plainly as the mathematics: every token attends to all before it, without a
 * cache and without early stopping.
 */
export function referenceForward(config: ModuleFormerConfig, tensors: Tensors, tokens: number[]): ReferenceResult {
  const read = readerOf(tensors)
  let x = tokens.map((id) => read.row('transformer.wte', id, config.width))
  const hidden: Row[] = []
  const routes: ReferenceResult['routes'] = []
  const norm = (key: string) => x.map((row) => layerNorm(row, read.get(`${key}.weight`), read.get(`${key}.bias`)))
  const add = (outputs: Row[]) => {
    x = x.map((row, t) => sum(row, outputs[t]))
  }

  for (let l = 0; l < config.layers; l++) {
    const block = `transformer.h.${l}`
    const choose = (rows: Row[], kind: MixtureKind, gate: string) => {
      const mixture = mixtureOf(config, kind)
      return rows.map((row) => route(config, read, `${block}.${gate}`, row, mixture ? usedIn(mixture, l) : 0))
    }
    const a = norm(`${block}.ln_1`)
    const attention = choose(a, 'attention', 'attn.q_proj.gate')
    add(attend(config, read, l, a, attention))

    const b = norm(`${block}.ln_2`)
    const mlp = choose(b, 'mlp', 'mlpf.gate')
    add(b.map((row, t) => mlpOf(config, read, l, t, row, mlp[t])))
    x = x.map((row, t) => changedAfter(l, t, row))
    hidden.push(x[x.length - 1])
    routes.push({ attention, mlp })
  }

  const head = config.tieWordEmbeddings ? 'transformer.wte' : 'lm_head'
  return { logits: norm('transformer.ln_f').map((row) => read.linear(head, row)), hidden, routes }
}

function route(config: ModuleFormerConfig, read: Reader, gate: string, a: Row, k: number): Choice {
  const p = softmax([...gateLogits(config, read, gate, a)])
  const ids = [...p.keys()].sort((i, j) => p[j] - p[i]).slice(0, k)
  return { ids, gates: ids.map((i) => p[i]), p }
}

function gateLogits({ gateType }: ModuleFormerConfig, read: Reader, gate: string, a: Row): Row {
  if (gateType === 'linear') return read.linear(`${gate}.w_gate.0`, a)
  if (gateType === 'mlp') {
    return read.linear(`${gate}.w_gate.3`, read.linear(`${gate}.w_gate.0`, a).map(ACTIVATIONS.gelu))
  }
  const z = read.linear(`${gate}.w_gate`, a)
  const centroids = Float64Array.from(read.get(`${gate}.expert_centroids`))
  const length = (v: ArrayLike<number>) => Math.max(Math.sqrt(dot(v, v)), 1e-12)
  const factor = Math.exp(read.get(`${gate}.temperature`)[0])
  return Float64Array.from({ length: centroids.length / z.length }, (_, e) => {
    const centroid = centroids.subarray(e * z.length, (e + 1) * z.length)
    return (dot(z, centroid) / length(z) / length(centroid)) * factor
  })
}

function attend(config: ModuleFormerConfig, read: Reader, layer: number, a: Row[], choices: Choice[]): Row[] {
  const { attentionHidden: A, heads: H, sharedKeyValue, width: d } = config
  const attn = `transformer.h.${layer}.attn`
  const s = A / H
  const project = (name: string) => a.map((row) => (sharedKeyValue ? row : read.linear(`${attn}.${name}`, row)))
  const [keys, values] = [project('k_proj'), project('v_proj')]
  return a.map((row, i) => {
    const outputs = choices[i].ids.map((e, slot) => {
      const q = expert(read, `${attn}.q_proj.experts`, e, row, A)
      const o = new Float64Array(A)
      for (let h = 0; h < H; h++) {
        const head = (v: Row) => v.subarray(h * s, (h + 1) * s)
        const back = Array.from({ length: i + 1 }, (_, n) => i - n)
        const weights = stickBreaking(back.map((j) => dot(head(q), head(keys[j])) / Math.sqrt(s)))
        for (const [n, j] of back.entries()) {
          for (let c = 0; c < s; c++) o[h * s + c] += weights[n] * values[j][h * s + c]
        }
      }
      return { gate: choices[i].gates[slot], y: expert(read, `${attn}.q_proj.output_experts`, e, o, d) }
    })
    return weighted(new Float64Array(d), changedOutputs(layer, 'attention', i, chosenIn(choices[i]), outputs))
  })
}

const chosenIn = ({ ids, gates }: Choice) => ids.map((id, slot) => ({ id, gate: gates[slot] }))

function mlpOf(
  config: ModuleFormerConfig,
  read: Reader,
  layer: number,
  token: number,
  a: Row,
  { ids, gates, p }: Choice,
): Row {
  const mlp = `transformer.h.${layer}.mlpf`
  const { ffnHidden: F, width: d, activation } = config
  const outputs = ids.map((e, slot) => {
    const h = expert(read, `${mlp}.experts`, e, a, F).map(ACTIVATIONS[activation])
    return { gate: gates[slot], y: expert(read, `${mlp}.output_experts`, e, h, d) }
  })
  return weighted(new Float64Array(d), changedOutputs(layer, 'mlp', token, chosenIn({ ids, gates, p }), outputs))
}

/** y = x W[e] with W [expert, in, out]. */
function expert(read: Reader, key: string, e: number, x: Row, outputs: number): Row {
  const weight = read.get(`${key}.weight`)
  const y = new Float64Array(outputs)
  const first = e * x.length * outputs
  for (let i = 0; i < x.length; i++) {
    const row = first + i * outputs
    for (let o = 0; o < outputs; o++) y[o] += x[i] * weight[row + o]
  }
  return y
}
