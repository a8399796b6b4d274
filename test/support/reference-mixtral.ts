import type { DecoderConfig } from '#molm/architectures/decoder-config.js'
import { type DecoderRules, decoderLogits } from './reference-decoder.js'
import { softmax, weighted } from './reference-layers.js'
import type { Tensors } from './reference-model.js'

/** Logits of a Mixtral in double precision, one row per token. */
export function mixtralLogits(
  config: DecoderConfig,
  tensors: Tensors,
  tokens: readonly number[],
  rope: Pick<DecoderRules, 'frequencies' | 'size'>,
): Float64Array[] {
  return decoderLogits(config, tensors, tokens, {
    ...rope,
    feed(l, b, x, { linear, gated }) {
      const moe = `model.layers.${l}.block_sparse_moe`
      const p = softmax([...linear(`${moe}.gate`, b)])
      const chosen = [...p.keys()].sort((i, j) => p[j] - p[i]).slice(0, config.mixtures[0].topK)
      const all = chosen.reduce((all, e) => all + p[e], 0)
      const output = (e: number) => ({ gate: p[e] / all, y: gated(`${moe}.experts.${e}`, b, ['w1', 'w3', 'w2']) })
      return weighted(x, chosen.map(output))
    },
  })
}
