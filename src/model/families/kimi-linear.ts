import { listOf, whole as wholeNumber } from '../../ground/json/forms.js'
import { isObject } from '../../ground/json/json.js'
import { MOST_TAPS } from '../../kernels/abi/states.js'
import type { ConfigReader } from '../config/config-reader.js'
import type { Routing } from '../config/routing.js'
import type { Architecture } from './shared/architecture.js'
import { namedParts } from './shared/decoder-parts.js'
import { groupedExperts, sigmoidGroups } from './shared/grouped-experts.js'
import { KIMI_DELTA, type KimiDeltaConfig, kimiDeltaShape, mixerPieces } from './shared/kimi-delta.js'
import { LATENT_DEFAULTS, latentConfig } from './shared/latent.js'

/** The makers' config.json has the keys of delta attention in this object. */
const OWN = 'linear_attn_config'

const LAYER_TYPES = ['kda_attention', 'linear_attention', 'full_attention'] as const

/** Moonshot's Kimi Linear: Kimi's delta attention, and latent attention without positions in every fourth layer. */
export const kimiLinear: Architecture<KimiDeltaConfig> = {
  ...KIMI_DELTA,
  title: 'Kimi Linear',
  modelTypes: ['kimi_linear'],
  className: 'KimiLinear',

  defaults: {
    ...LATENT_DEFAULTS,
    vocab_size: 163840,
    hidden_size: 2304,
    num_hidden_layers: 27,
    num_attention_heads: 32,
    q_lora_rank: null,
    mla_use_nope: true,
    linear_attn_config: null,
    layer_types: null,
    linear_key_head_dim: 128,
    linear_num_key_heads: 32,
    linear_conv_kernel_dim: 4,
    intermediate_size: 9216,
    moe_intermediate_size: 1024,
    n_routed_experts: 256,
    num_experts_per_tok: 8,
    moe_layer_freq: 1,
    moe_router_activation_func: 'sigmoid',
    norm_topk_prob: true,
    n_group: 1,
    topk_group: 1,
    rms_norm_eps: 1e-5,
    max_position_embeddings: 1048576,
  },
  aliases: {
    num_experts: 'n_routed_experts',
    num_local_experts: 'n_routed_experts',
    num_experts_per_token: 'num_experts_per_tok',
    num_shared_experts: 'n_shared_experts',
    num_expert_group: 'n_group',
    moe_renormalize: 'norm_topk_prob',
    model_max_length: 'max_position_embeddings',
    linear_head_dim: 'linear_key_head_dim',
    linear_num_heads: 'linear_num_key_heads',
  },

  parseConfig(given) {
    if (!given.flag('mla_use_nope')) throw given.refuse('mla_use_nope', 'true: keys have no positions')
    // The makers' code and transformers have other values of absent keys. None reads the keys of rotary positions.
    const [dense, shared, factor] = given.has(OWN) ? [0, 0, 1] : [1, 1, 2.446]
    const absent = { first_k_dense_replace: dense, n_shared_experts: shared, routed_scaling_factor: factor }
    const noPositions = { rope_scaling: null, rope_parameters: null }
    const keys = given.with({ ...absent, ...given.raw, ...noPositions, ...linearKeys(given) })
    const common = latentConfig(keys, 'kimi_linear')
    const { layers } = common
    const step = keys.size('moe_layer_freq')
    const mixture = groupedExperts(keys, layers, {
      routing: () => routingOf(keys),
      isSparse: (layer) => layer % step === 0,
    })
    return { ...common, ...mixture, ropes: new Array(layers).fill(undefined), ...deltaKeys(keys, layers) }
  },

  parts: (config, formats) =>
    namedParts(config, formats, {
      mixer: (layer) => mixerPieces(config, formats, layer, { ofHeads: [1, 1, config.delta.heads, 1] }),
      sparse: 'block_sparse_moe',
      selection: 'gate.e_score_correction_bias',
      shared: 'shared_experts',
      expertGated: ['w1', 'w3', 'w2'],
    }),
}

function routingOf(keys: ConfigReader): Routing {
  const normalises = keys.flag('norm_topk_prob') && keys.size('num_experts_per_tok') > 1
  const score = keys.oneOf('moe_router_activation_func', ['sigmoid', 'softmax'])
  return { ...sigmoidGroups(keys, 'n_routed_experts', normalises), score }
}

/** The delta attention and its layers. The makers count them from 1. */
function deltaKeys(keys: ConfigReader, layers: number): Pick<KimiDeltaConfig, 'hasDelta' | 'delta'> {
  const numbers = listOf(wholeNumber(1, layers))
  const headSize = keys.size(`${OWN}.head_dim`)
  const taps = keys.size(`${OWN}.short_conv_kernel_size`, 1, MOST_TAPS)
  return {
    hasDelta: keys.has('layer_types')
      ? keys.oneOfEach('layer_types', layers, LAYER_TYPES).map((type) => type !== 'full_attention')
      : without(layers, keys.as(`${OWN}.full_attn_layers`, numbers, `a list of layers from 1 to ${layers}`)),
    delta: kimiDeltaShape(keys.size(`${OWN}.num_heads`), headSize, taps, headSize),
  }
}

/** Whether each layer is not in a list of numbers from 1 on. */
function without(layers: number, numbers: readonly number[]): boolean[] {
  return Array.from({ length: layers }, (_, layer) => !numbers.includes(layer + 1))
}

/** The keys of `linear_attn_config` with its name before theirs. transformers has other names for them, and no object. */
function linearKeys(keys: ConfigReader): Record<string, unknown> {
  const { [OWN]: own, linear_key_head_dim, linear_num_key_heads, linear_conv_kernel_dim } = keys.raw
  if (own !== null && !isObject(own)) throw keys.refuse(OWN, 'an object')
  const found = own ?? {
    head_dim: linear_key_head_dim,
    num_heads: linear_num_key_heads,
    short_conv_kernel_size: linear_conv_kernel_dim,
  }
  return Object.fromEntries(Object.entries(found).map(([name, value]) => [`${OWN}.${name}`, value]))
}
