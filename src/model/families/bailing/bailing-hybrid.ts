import { UserError } from '../../../ground/errors.js'
import { isNumber } from '../../../ground/json/forms.js'
import { MOST_TAPS } from '../../../kernels/abi/states.js'
import type { ConfigReader } from '../../config/config-reader.js'
import type { LatentShape } from '../../layers/mixers/latent-attention.js'
import type { Architecture } from '../shared/architecture.js'
import { namedParts } from '../shared/decoder-parts.js'
import { groupedExperts, sigmoidGroups } from '../shared/grouped-experts.js'
import { KIMI_DELTA, type KimiDeltaConfig, kimiDeltaShape, mixerPieces } from '../shared/kimi-delta.js'
import { LATENT_DEFAULTS, latentConfig } from '../shared/latent.js'

/** inclusionAI's Ling 3.0: Kimi's delta attention, and gated latent attention at the end of each group of layers. */
export const bailingHybrid: Architecture<KimiDeltaConfig> = {
  ...KIMI_DELTA,
  title: 'Ling 3',
  modelTypes: ['bailing_hybrid'],
  className: 'BailingMoeV3',

  defaults: {
    ...LATENT_DEFAULTS,
    vocab_size: 157184,
    hidden_size: 2560,
    num_hidden_layers: 42,
    num_attention_heads: 32,
    head_dim: 128,
    layer_group_size: 6,
    short_conv_kernel_size: 4,
    no_kda_lora: true,
    kda_safe_gate: true,
    kda_lower_bound: -5,
    gated_attention_proj_granularity_type: null,
    q_lora_rank: null,
    use_qkv_bias: false,
    intermediate_size: 6144,
    moe_intermediate_size: 768,
    moe_shared_expert_intermediate_size: 768,
    num_experts: 512,
    num_experts_per_tok: 8,
    num_shared_experts: 1,
    first_k_dense_replace: 2,
    n_group: 8,
    topk_group: 4,
    routed_scaling_factor: 2.5,
    rope_theta: 6000000,
    max_position_embeddings: 131072,
    expert_swiglu_limit_list: null,
    share_expert_swiglu_limit_list: null,
  },

  parseConfig(keys, classNames) {
    // Ling 2.5 has the same model_type, and another attention.
    if (!classNames.some((name) => name.startsWith('BailingMoeV3'))) {
      throw new UserError(
        `${keys.source}: architectures must be BailingMoeV3ForCausalLM for model_type "bailing_hybrid"`,
      )
    }
    for (const key of ['expert_swiglu_limit_list', 'share_expert_swiglu_limit_list']) {
      if (keys.has(key)) throw keys.refuse(key, 'null')
    }
    const { latent, ropes, ...common } = latentConfig(latentKeys(keys), 'bailing_hybrid')
    const { layers, heads } = common
    const [headSize, taps] = [keys.size('head_dim'), keys.size('short_conv_kernel_size', 1, MOST_TAPS)]
    const group = keys.size('layer_group_size')
    const isLatent = (layer: number) => (layer + 1) % group === 0 || layer >= Math.floor(layers / group) * group
    const hasDelta = Array.from({ length: layers }, (_, layer) => !isLatent(layer))
    const routing = () => sigmoidGroups(keys, 'num_experts', keys.size('num_experts_per_tok') > 1)
    const mixture = groupedExperts(keys, layers, { experts: 'num_experts', shared: 'num_shared_experts', routing })
    const shared = mixture.sharedHidden / mixture.ffnHidden
    return {
      ...common,
      ...mixture,
      sharedHidden: shared * keys.size('moe_shared_expert_intermediate_size'),
      latent: { ...latent, ...gateOf(keys) },
      ropes: ropes.map((rope, layer) => (hasDelta[layer] ? undefined : rope)),
      hasDelta,
      delta: kimiDeltaShape(heads, headSize, taps, keys.flag('no_kda_lora') ? 0 : headSize, boundOf(keys)),
    }
  },

  parts: (config, formats) =>
    namedParts(config, formats, {
      mixer: (layer) => mixerPieces(config, formats, layer, { name: 'attention', output: 'dense' }),
      selection: 'gate.expert_bias',
      shared: 'shared_experts',
      embedding: 'model.word_embeddings',
    }),
}

/** The keys of latent attention under DeepSeek's names. The share of a head that turns is not read. */
function latentKeys(keys: ConfigReader): ConfigReader {
  const rope = keys.raw.rope_parameters
  return keys.with({
    attention_bias: keys.flag('use_qkv_bias'),
    ...(keys.has('rope_parameters') && { rope_parameters: { ...Object(rope), partial_rotary_factor: null } }),
  })
}

function gateOf(keys: ConfigReader): Pick<LatentShape, 'gate'> {
  const key = 'gated_attention_proj_granularity_type'
  if (!keys.has(key)) return {}
  return { gate: keys.oneOf(key, ['head_wise', 'element_wise']) === 'head_wise' ? 'head' : 'channel' }
}

/** Logarithm of the least decay; 0 for none. */
function boundOf(keys: ConfigReader): number {
  const hasBound = keys.has('kda_lower_bound')
  if (keys.flag('kda_safe_gate') !== hasBound)
    throw keys.refuse('kda_safe_gate', `${hasBound} as kda_lower_bound has it`)
  const isBelow = (value: unknown): value is number => isNumber(value) && value < 0
  return hasBound ? keys.as('kda_lower_bound', isBelow, 'a number below 0') : 0
}
