import type { EmoConfig } from '#molm/architectures/emo.js'
import { type DecoderRules, decoderLogits } from './reference-decoder.js'
import { softmax, weighted } from './reference-layers.js'
import type { Tensors } from './reference-model.js'

/** Experts that every token uses in a layer: ids listed in config.json, and the number of shared ones, the last. */
export interface EmoLayer {
  listed: readonly number[]
  shared: number
}

interface Chosen {
  id: number
  gate: number
}

/** Chooses experts by the rules of AllenAI's code: the first that fits the layer holds. */
export function emoChoice(
  z: readonly number[],
  k: number,
  { listed, shared }: EmoLayer,
  isNormalised = false,
): Chosen[] {
  const best = (p: readonly number[], ids: number[], count: number) =>
    ids
      .sort((a, b) => p[b] - p[a])
      .slice(0, count)
      .map((id) => ({ id, gate: p[id] }))
  const p = softmax(z)
  if (listed.length > 0) {
    const others = [...p.keys()].filter((id) => !listed.includes(id))
    return [...listed.map((id) => ({ id, gate: p[id] })), ...best(p, others, k - listed.length)]
  }
  if (shared > 0) {
    const routed = softmax(z.slice(0, -shared))
    const own = softmax(z.slice(-shared)).map((gate, i) => ({ id: routed.length + i, gate }))
    return [...own, ...best(routed, [...routed.keys()], k - shared)]
  }
  const chosen = best(p, [...p.keys()], k)
  const all = isNormalised ? chosen.reduce((sum, { gate }) => sum + gate, 0) : 1
  return chosen.map(({ id, gate }) => ({ id, gate: gate / all }))
}

/** Logits of an EMO in double precision, one row per token, and the chosen experts by layer and token. */
export function emoForward(
  config: EmoConfig,
  tensors: Tensors,
  tokens: readonly number[],
  rules: { layers: readonly EmoLayer[]; k: number; isNormalised?: boolean } & Pick<DecoderRules, 'frequencies'>,
): { logits: Float64Array[]; chosen: Chosen[][][] } {
  const chosen: Chosen[][][] = rules.layers.map(() => [])
  const logits = decoderLogits(config, tensors, tokens, {
    frequencies: rules.frequencies,
    norms: ['pre_attention_layernorm', 'pre_feedforward_layernorm'],
    feed(l, b, x, { has, linear, gated }) {
      const mlp = `model.layers.${l}.mlp`
      if (!has(`${mlp}.gate.weight`)) return weighted(x, [{ gate: 1, y: gated(mlp, b) }])
      const choice = emoChoice([...linear(`${mlp}.gate`, b)], rules.k, rules.layers[l], rules.isNormalised)
      chosen[l].push(choice.sort((a, b) => b.gate - a.gate))
      return weighted(
        x,
        choice.map(({ id, gate }) => ({ gate, y: gated(`${mlp}.experts.${id}`, b) })),
      )
    },
  })
  return { logits, chosen }
}
