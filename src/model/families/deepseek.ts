import type { ConfigReader } from '../config/config-reader.js'
import type { Routing } from '../config/routing.js'
import type { Architecture } from './shared/architecture.js'
import { groupedExperts, groupsOf, sigmoidGroups } from './shared/grouped-experts.js'
import { LATENT, LATENT_DEFAULTS, type LatentConfig, latentConfig } from './shared/latent.js'

/** DeepSeek-V2 (DeepSeek-V2-Lite): latent attention, softmax scores, and gates that need not sum to 1. */
export const deepseek2: Architecture<LatentConfig> = {
  ...LATENT,
  title: 'DeepSeek V2',
  modelTypes: ['deepseek_v2'],
  className: 'DeepseekV2',

  defaults: {
    ...LATENT_DEFAULTS,
    vocab_size: 102400,
    hidden_size: 4096,
    num_hidden_layers: 30,
    num_attention_heads: 32,
    intermediate_size: 11008,
    moe_intermediate_size: 1407,
    n_routed_experts: 64,
    n_shared_experts: 2,
    first_k_dense_replace: 0,
    moe_layer_freq: 1,
    topk_method: 'greedy',
    scoring_func: 'softmax',
    norm_topk_prob: false,
    routed_scaling_factor: 1,
    max_position_embeddings: 2048,
  },

  parseConfig(keys) {
    // Versions of the reference code disagree on gates that are normalised.
    if (keys.flag('norm_topk_prob')) throw keys.refuse('norm_topk_prob', 'false for deepseek_v2')
    keys.oneOf('scoring_func', ['softmax'])
    const common = latentConfig(keys, 'deepseek_v2')
    return {
      ...common,
      ...groupedExperts(keys, common.layers, { routing: () => softmaxGroups(keys), ...sparse(keys) }),
    }
  },
}

/** DeepSeek-V3 and its kin (Moonlight, GigaChat 3): latent attention, sigmoid scores with a bias of the choice. */
export const deepseek3: Architecture<LatentConfig> = {
  ...LATENT,
  title: 'DeepSeek V3',
  modelTypes: ['deepseek_v3'],
  className: 'DeepseekV3',

  defaults: {
    ...LATENT_DEFAULTS,
    vocab_size: 129280,
    hidden_size: 7168,
    num_hidden_layers: 61,
    num_attention_heads: 128,
    intermediate_size: 18432,
    moe_intermediate_size: 2048,
    n_routed_experts: 256,
    num_experts_per_tok: 8,
    n_shared_experts: 1,
    first_k_dense_replace: 3,
    moe_layer_freq: 1,
    n_group: 8,
    topk_group: 4,
    topk_method: 'noaux_tc',
    scoring_func: 'sigmoid',
    norm_topk_prob: true,
    routed_scaling_factor: 2.5,
    max_position_embeddings: 4096,
  },

  parseConfig(keys) {
    keys.oneOf('topk_method', ['noaux_tc'])
    keys.oneOf('scoring_func', ['sigmoid'])
    const common = latentConfig(keys, 'deepseek_v3')
    const routing = () => sigmoidGroups(keys, 'n_routed_experts', keys.flag('norm_topk_prob'))
    return { ...common, ...groupedExperts(keys, common.layers, { routing, ...sparse(keys) }) }
  },
}

function softmaxGroups(keys: ConfigReader): Routing {
  const method = keys.oneOf('topk_method', ['greedy', 'group_limited_greedy'])
  return {
    ...(method === 'group_limited_greedy' && groupsOf(keys, 'n_routed_experts', 'largest')),
    factor: keys.positive('routed_scaling_factor'),
  }
}

/** Every n-th layer has experts. */
function sparse(keys: ConfigReader) {
  const step = keys.size('moe_layer_freq')
  return { isSparse: (layer: number) => layer % step === 0 }
}
