import type { Architecture } from './shared/architecture.js'
import { type DecoderConfig, decoderConfig, PLAIN_DEFAULTS } from './shared/decoder-config.js'
import { DECODER, isUnusedOrDrafting } from './shared/decoder-family.js'
import { namedParts } from './shared/decoder-parts.js'
import { groupedExperts } from './shared/grouped-experts.js'

/** Tencent's Hunyuan 3: Qwen3's attention and DeepSeek's mixtures without groups. */
export const hunyuan: Architecture<DecoderConfig> = {
  ...DECODER,
  title: 'Hunyuan 3',
  modelTypes: ['hy_v3'],
  className: 'HYV3',

  defaults: {
    ...PLAIN_DEFAULTS,
    vocab_size: 120832,
    hidden_size: 4096,
    num_hidden_layers: 80,
    num_attention_heads: 64,
    num_key_value_heads: 8,
    head_dim: 128,
    intermediate_size: 13312,
    moe_intermediate_size: 1536,
    num_experts: 192,
    num_experts_per_tok: 8,
    num_shared_experts: 1,
    first_k_dense_replace: 1,
    router_scaling_factor: 2.826,
    attention_bias: false,
    mlp_bias: false,
    rms_norm_eps: 1e-5,
    rope_theta: 11158840,
    max_position_embeddings: 131072,
  },

  parseConfig(keys) {
    if (keys.flag('mlp_bias')) throw keys.refuse('mlp_bias', 'false')
    const common = decoderConfig(keys, 'hy_v3')
    return {
      ...common,
      ...groupedExperts(keys, common.layers, {
        ...{ experts: 'num_experts', shared: 'num_shared_experts' },
        routing: () => ({
          ...{ score: 'sigmoid', selectionBias: true, normalise: { add: 1e-20 } },
          factor: keys.positive('router_scaling_factor'),
        }),
      }),
      attentionBias: keys.flag('attention_bias') ? 'all' : 'none',
      queryKeyNorm: 'head',
    }
  },

  ignores: isUnusedOrDrafting,

  parts: (config, formats) =>
    namedParts(config, formats, { router: 'router.gate', selection: 'expert_bias', shared: 'shared_mlp' }),
}
