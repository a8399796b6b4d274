import { UserError } from '../../ground/errors.js'
import { listOf, whole as wholeNumber } from '../../ground/json/forms.js'
import { isObject } from '../../ground/json/json.js'
import { MOST_TAPS } from '../../kernels/abi/states.js'
import { ConfigReader } from '../config/config-reader.js'
import type { Routing } from '../config/routing.js'
import { whole } from '../packing/format/pieces.js'
import type { Architecture } from './shared/architecture.js'
import { namedParts } from './shared/decoder-parts.js'
import { groupedExperts, sigmoidGroups } from './shared/grouped-experts.js'
import { KIMI_DELTA, type KimiDeltaConfig, kimiDeltaPieces, kimiDeltaShape } from './shared/kimi-delta.js'
import { LATENT_DEFAULTS, latentConfig, latentPieces } from './shared/latent.js'

/** Values of absent keys with `linear_attn_config`, as the makers' code has them, and without, as transformers has them. */
const ABSENT = {
  published: { first_k_dense_replace: 0, n_shared_experts: 0, routed_scaling_factor: 1 },
  transformers: { first_k_dense_replace: 1, n_shared_experts: 1, routed_scaling_factor: 2.446 },
}

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
    const absent = given.has('linear_attn_config') ? ABSENT.published : ABSENT.transformers
    // The keys of rotary positions are not used.
    const keys = given.with({ ...absent, ...given.raw, rope_scaling: null, rope_parameters: null })
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
      mixer: (layer) => {
        const key = `model.layers.${layer}.self_attn`
        const ofHeads = [1, 1, config.delta.heads, 1]
        return config.hasDelta[layer]
          ? kimiDeltaPieces(config, formats, key, ofHeads)
          : latentPieces(config, formats, key)
      },
      sparse: 'block_sparse_moe',
      selection: (layer, moe) => whole(`${moe}.gate.e_score_correction_bias`, [config.mixtures[0].experts[layer]]),
      shared: 'shared_experts',
      expertGated: ['w1', 'w3', 'w2'],
    }),
}

function routingOf(keys: ConfigReader): Routing {
  const normalises = keys.flag('norm_topk_prob') && keys.size('num_experts_per_tok') > 1
  const score = keys.oneOf('moe_router_activation_func', ['sigmoid', 'softmax'])
  return { ...sigmoidGroups(keys, 'n_routed_experts', normalises), score }
}

const LAYER_TYPES = ['kda_attention', 'linear_attention', 'full_attention'] as const

/** The delta attention and its layers, from `linear_attn_config` or from the keys that transformers writes in its place. */
function deltaKeys(keys: ConfigReader, layers: number): Pick<KimiDeltaConfig, 'hasDelta' | 'delta'> {
  const own = linearKeys(keys)
  const size = (published: string, other: string, most?: number) =>
    own ? own.size(`linear_attn_config.${published}`, 1, most) : keys.size(other, 1, most)
  const headSize = size('head_dim', 'linear_key_head_dim')
  const heads = size('num_heads', 'linear_num_key_heads')
  const taps = size('short_conv_kernel_size', 'linear_conv_kernel_dim', MOST_TAPS)
  return {
    hasDelta:
      own && !keys.has('layer_types')
        ? listedLayers(own, layers)
        : keys.oneOfEach('layer_types', layers, LAYER_TYPES).map((type) => type !== 'full_attention'),
    delta: kimiDeltaShape(heads, headSize, { taps, rank: headSize }),
  }
}

/** A reader of `linear_attn_config`, whose keys have its name before theirs. */
function linearKeys(keys: ConfigReader): ConfigReader | undefined {
  const { linear_attn_config: found } = keys.raw
  if (!keys.has('linear_attn_config')) return undefined
  if (!isObject(found)) throw keys.refuse('linear_attn_config', 'an object')
  const named = Object.entries(found).map(([name, value]) => [`linear_attn_config.${name}`, value])
  return new ConfigReader(Object.fromEntries(named), keys.source)
}

/** Two lists have all layers, counted from 1. */
function listedLayers(own: ConfigReader, layers: number): boolean[] {
  const list = (name: string) => {
    const isList = listOf(wholeNumber(1, layers))
    return own.as(`linear_attn_config.${name}`, isList, `a list of layers from 1 to ${layers}`)
  }
  const [delta, full] = [list('kda_layers'), list('full_attn_layers')]
  const all = new Set([...delta, ...full])
  if (all.size !== layers || delta.length + full.length !== layers) {
    throw new UserError(`${own.source}: kda_layers and full_attn_layers must have each of the ${layers} layers once`)
  }
  return Array.from({ length: layers }, (_, layer) => delta.includes(layer + 1))
}
