import { expertOf, rowsOf, whole } from '../packing/format/pieces.js'
import type { Architecture } from './shared/architecture.js'
import { type DecoderConfig, decoderConfig, refuseOtherHeadSize } from './shared/decoder-config.js'
import { DECODER } from './shared/decoder-family.js'
import { attentionPieces, decoderParts, gatedPieces, normPieces, routerPieces } from './shared/decoder-parts.js'

export interface GraniteConfig extends DecoderConfig {
  /** Factor of a sublayer's output. */
  residualScale: number
}

/** IBM's Granite 3 mixtures: granitemoe, and granitemoeshared with a shared expert. */
export const granite: Architecture<GraniteConfig> = {
  ...DECODER,
  title: 'Granite MoE',
  modelTypes: ['granitemoe', 'granitemoeshared'],
  className: 'GraniteMoe',

  defaults: {
    vocab_size: 32000,
    hidden_size: 4096,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    intermediate_size: 11008,
    num_local_experts: 8,
    num_experts_per_tok: 2,
    embedding_multiplier: 1,
    residual_multiplier: 1,
    attention_multiplier: 1,
    logits_scaling: 1,
    attention_bias: false,
    rms_norm_eps: 1e-6,
    rope_theta: 10000,
    hidden_act: 'silu',
    max_position_embeddings: 2048,
    tie_word_embeddings: false,
    shared_intermediate_size: 0,
    position_embedding_type: 'rope',
    bos_token_id: 1,
    eos_token_id: 2,
  },

  parseConfig(keys) {
    const isShared = keys.raw.model_type === 'granitemoeshared'
    const common = decoderConfig(keys, isShared ? 'granitemoeshared' : 'granitemoe')
    refuseOtherHeadSize(keys, common)
    keys.oneOf('position_embedding_type', ['rope'])
    const experts = keys.everywhere(common.layers, 'num_local_experts')
    return {
      ...common,
      ffnHidden: keys.size('intermediate_size'),
      mixtures: [keys.mixture('mlp', experts, 'num_experts_per_tok', { normalise: {} })],
      sharedHidden: isShared ? keys.size('shared_intermediate_size', 0) : 0,
      attentionScale: keys.positive('attention_multiplier'),
      attentionBias: keys.flag('attention_bias') ? 'all' : 'none',
      embeddingScale: keys.positive('embedding_multiplier'),
      residualScale: keys.positive('residual_multiplier'),
      logitScale: 1 / keys.positive('logits_scaling'),
    }
  },

  parts(config, formats) {
    const { width: d, ffnHidden: f, sharedHidden: s } = config
    return decoderParts(config, formats, (layer) => {
      const moe = `model.layers.${layer}.block_sparse_moe`
      const shared = `model.layers.${layer}.shared_mlp`
      const halves = whole(`${shared}.input_linear.weight`, [2 * s, d])
      const [gate, up] = [rowsOf(halves, 0, s), rowsOf(halves, s, 2 * s)]
      const down = whole(`${shared}.output_linear.weight`, [d, s])
      return {
        dense: [
          ...normPieces(config, layer),
          ...attentionPieces(config, formats, layer),
          ...routerPieces(config, layer, `${moe}.router.layer`),
          ...(s === 0 ? [] : gatedPieces(formats.mlp, { gate, up, down }, { prefix: 'shared.' })),
        ],
        expert(id, E) {
          // One tensor holds all experts of a layer: the first f rows of each are the gate, the others up.
          const input = expertOf(`${moe}.input_linear.weight`, [E, 2 * f, d], id)
          const output = expertOf(`${moe}.output_linear.weight`, [E, d, f], id)
          return gatedPieces(formats.mlp, { gate: rowsOf(input, 0, f), up: rowsOf(input, f, 2 * f), down: output })
        },
      }
    })
  },
}
