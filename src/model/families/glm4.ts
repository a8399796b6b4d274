import type { ConfigReader } from '../config/config-reader.js'
import type { Architecture } from './shared/architecture.js'
import { type DecoderConfig, decoderConfig, PLAIN_DEFAULTS } from './shared/decoder-config.js'
import { DECODER, isUnusedOrDrafting } from './shared/decoder-family.js'
import { namedParts } from './shared/decoder-parts.js'
import { groupedExperts, sigmoidGroups } from './shared/grouped-experts.js'
import { LATENT, LATENT_DEFAULTS, type LatentConfig, latentConfig } from './shared/latent.js'
import { ropeConfig } from './shared/rope-config.js'

/** Z.ai's GLM-4.5 and 4.6: half of each head turns, and DeepSeek's mixtures. */
export const glm4: Architecture<DecoderConfig> = {
  ...DECODER,
  title: 'GLM-4 MoE',
  modelTypes: ['glm4_moe'],
  className: 'Glm4Moe',

  defaults: {
    ...PLAIN_DEFAULTS,
    vocab_size: 151552,
    hidden_size: 4096,
    num_hidden_layers: 46,
    num_attention_heads: 96,
    num_key_value_heads: 8,
    intermediate_size: 10944,
    moe_intermediate_size: 1408,
    n_routed_experts: 128,
    num_experts_per_tok: 8,
    n_shared_experts: 1,
    first_k_dense_replace: 1,
    n_group: 1,
    topk_group: 1,
    norm_topk_prob: true,
    routed_scaling_factor: 1,
    partial_rotary_factor: 0.5,
    use_qk_norm: false,
    attention_bias: false,
    rms_norm_eps: 1e-5,
    rope_theta: 10000,
    max_position_embeddings: 131072,
  },

  parseConfig(keys) {
    const common = decoderConfig(keys, 'glm4_moe', (_, { layers, headSize: partOf }) =>
      new Array(layers).fill(ropeConfig(keys, { partOf })),
    )
    return {
      ...common,
      ...groupedExperts(keys, common.layers, { routing: () => routingOf(keys) }),
      attentionBias: keys.flag('attention_bias') ? 'qkv' : 'none',
      ...(keys.flag('use_qk_norm') && { queryKeyNorm: 'head' }),
    }
  },

  ignores: isUnusedOrDrafting,

  parts: (config, formats) =>
    namedParts(config, formats, { selection: 'gate.e_score_correction_bias', shared: 'shared_experts' }),
}

/** GLM-4.7-Flash: latent attention in place of heads of keys and values. */
export const glm4Lite: Architecture<LatentConfig> = {
  ...LATENT,
  title: 'GLM-4 MoE Lite',
  modelTypes: ['glm4_moe_lite'],
  className: 'Glm4MoeLite',

  defaults: {
    ...LATENT_DEFAULTS,
    vocab_size: 154880,
    hidden_size: 2048,
    num_hidden_layers: 47,
    num_attention_heads: 20,
    q_lora_rank: 768,
    qk_nope_head_dim: 192,
    v_head_dim: 256,
    intermediate_size: 10240,
    moe_intermediate_size: 1536,
    n_routed_experts: 64,
    num_experts_per_tok: 4,
    n_shared_experts: 1,
    first_k_dense_replace: 1,
    n_group: 1,
    topk_group: 1,
    norm_topk_prob: true,
    routed_scaling_factor: 1.8,
    rms_norm_eps: 1e-5,
    max_position_embeddings: 202752,
  },

  parseConfig(keys) {
    const common = latentConfig(keys, 'glm4_moe_lite')
    return { ...common, ...groupedExperts(keys, common.layers, { routing: () => routingOf(keys) }) }
  },
}

function routingOf(keys: ConfigReader) {
  return sigmoidGroups(keys, 'n_routed_experts', keys.flag('norm_topk_prob'))
}
