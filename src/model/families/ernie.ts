import type { ConfigReader } from '../config/config-reader.js'
import { whole } from '../packing/format/pieces.js'
import type { Architecture } from './shared/architecture.js'
import { type DecoderConfig, decoderConfig, unlessDense } from './shared/decoder-config.js'
import { DECODER, isUnused } from './shared/decoder-family.js'
import { namedParts } from './shared/decoder-parts.js'
import { ropeConfig } from './shared/rope-config.js'

/** Baidu's ERNIE 4.5 (ERNIE-4.5-21B-A3B): a bias moves the choice of experts, but not their gates. */
export const ernie: Architecture<DecoderConfig> = {
  ...DECODER,
  title: 'ERNIE 4.5 MoE',
  modelTypes: ['ernie4_5_moe'],
  className: 'Ernie4_5_Moe',

  defaults: {
    vocab_size: 103424,
    hidden_size: 2560,
    num_hidden_layers: 28,
    num_attention_heads: 20,
    num_key_value_heads: 4,
    intermediate_size: 12288,
    moe_intermediate_size: 1536,
    moe_num_experts: 64,
    moe_k: 6,
    moe_num_shared_experts: 2,
    moe_layer_start_index: 1,
    moe_layer_end_index: -1,
    moe_layer_interval: 1,
    moe_norm_min: 1e-12,
    use_bias: false,
    rms_norm_eps: 1e-5,
    rope_theta: 500000,
    hidden_act: 'silu',
    max_position_embeddings: 131072,
    tie_word_embeddings: true,
    bos_token_id: 1,
    eos_token_id: 2,
  },

  parseConfig(keys) {
    // Versions of the reference code disagree on the biases of experts.
    if (keys.flag('use_bias')) throw keys.refuse('use_bias', 'false')
    const common = decoderConfig(keys, 'ernie4_5_moe', (keys, { layers }) =>
      new Array(layers).fill({ ...ropeConfig(keys), pairs: 'neighbours' }),
    )
    const counts = expertsPerLayer(keys, common.layers)
    const routing = { selectionBias: true, normalise: { floor: keys.positive('moe_norm_min') } } as const
    const ffnHidden = keys.size('moe_intermediate_size')
    return {
      ...common,
      mixtures: unlessDense(counts, () => keys.mixture('mlp', counts, 'moe_k', routing)),
      ffnHidden,
      denseHidden: keys.size('intermediate_size'),
      sharedHidden: ffnHidden * keys.size('moe_num_shared_experts', 0),
    }
  },

  // Layers that predict tokens further ahead have `mtp` in their names.
  ignores: (tensor, config) => isUnused(tensor, config) || tensor.includes('mtp'),

  parts: (config, formats) =>
    namedParts(config, formats, {
      selection: (layer, mlp) =>
        whole(`${mlp}.moe_statics.e_score_correction_bias`, [1, config.mixtures[0].experts[layer]]),
      shared: 'shared_experts',
    }),
}

/** Number of experts of each layer: layers from the start to the end index have experts, if the interval meets them. */
function expertsPerLayer(keys: ConfigReader, layers: number): number[] {
  const experts = keys.size('moe_num_experts', 0)
  const interval = keys.size('moe_layer_interval')
  const start = keys.size('moe_layer_start_index', 0)
  const end = keys.size('moe_layer_end_index', -1)
  const last = end === -1 ? layers - 1 : end
  return Array.from({ length: layers }, (_, l) => {
    return (l + 1) % interval === 0 && l >= start && l <= last ? experts : 0
  })
}
