import { UserError } from '../../../ground/errors.js'
import { anyOf, isNumber, listOf, oneOf } from '../../../ground/json/forms.js'
import type { ConfigReader } from '../../config/config-reader.js'
import type { AlwaysChosen, Routing } from '../../config/routing.js'
import type { Architecture } from '../shared/architecture.js'
import {
  type DecoderConfig,
  decoderConfig,
  PLAIN_DEFAULTS,
  softmaxRouting,
  unlessDense,
} from '../shared/decoder-config.js'
import { DECODER } from '../shared/decoder-family.js'
import { decoderBlocks } from '../shared/decoder-layers.js'
import { namedParts } from '../shared/decoder-parts.js'

const NORMS = ['pre_attention_layernorm', 'pre_feedforward_layernorm'] as const

export interface EmoConfig extends DecoderConfig {
  /** Whether layers without experts have biases. */
  denseBias: boolean
}

/** AllenAI's EMO, whose experts are topics, and its sister StdMoE. Every token uses one expert, or several. */
export const emo: Architecture<EmoConfig> = {
  ...DECODER,
  title: 'EMO',
  // The others are older names of the same models.
  modelTypes: ['emo', 'emo_noqknorm_prenorm', 'flex_olmo_noqknorm_prenorm'],
  className: 'Emo',

  defaults: {
    ...PLAIN_DEFAULTS,
    vocab_size: 100352,
    hidden_size: 4096,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    intermediate_size: 11008,
    num_experts: 7,
    num_experts_per_tok: 5,
    num_shared_experts: 0,
    norm_topk_prob: false,
    dense_mlp_bias: false,
    attention_bias: false,
    rms_norm_eps: 1e-6,
    rope_theta: 500000,
    max_position_embeddings: 4096,
    eos_token_id: 100257,
  },

  parseConfig(keys) {
    const common = decoderConfig(keys, 'emo')
    // A probe of the reference code, which blends all experts into one more.
    if (keys.has('ghost_extend_eval') && keys.raw.ghost_extend_eval !== false) {
      throw keys.refuse('ghost_extend_eval', 'false')
    }
    const { layers } = common
    const counts = keys.has('num_experts_per_layer')
      ? keys.sizePerLayer('num_experts_per_layer', layers, 0)
      : new Array<number>(layers).fill(keys.size('num_experts', 0))
    const isDense = counts.includes(0)
    const rule = () => routing(keys, counts)
    return {
      ...common,
      mixtures: unlessDense(counts, () => keys.mixture('mlp', counts, 'num_experts_per_tok', rule)),
      ffnHidden: keys.size('intermediate_size'),
      denseHidden: isDense ? keys.size('dense_intermediate_size') : 0,
      denseBias: isDense && keys.flag('dense_mlp_bias'),
      attentionBias: keys.flag('attention_bias') ? 'all' : 'none',
    }
  },

  parts: (config, formats) => namedParts(config, formats, { norms: NORMS, denseBias: config.denseBias }),

  build: (config, workspace) => decoderBlocks(config, workspace, {}, { denseBias: config.denseBias }),
}

/**
 * Rule of a layer, the first that fits: listed experts are always chosen, with their probabilities among all experts; the
 * last experts are shared, with a softmax among themselves; the router chooses among all.
 */
function routing(keys: ConfigReader, counts: readonly number[]): Routing {
  const [listed, shared] = [listedExperts(keys, counts.length), sharedExperts(keys, counts)]
  const k = keys.size('num_experts_per_tok')
  const always = counts.map((count, layer): AlwaysChosen => {
    if (count === 0) return { ids: [], isApart: false }
    const number = listed[layer].length || shared[layer]
    if (number > k) {
      throw new UserError(
        `${keys.source}: every token uses ${number} experts of layer ${layer}, but at most ${k} in all`,
      )
    }
    if (listed[layer].length > 0) return { ids: [...listed[layer]].sort((a, b) => a - b), isApart: false }
    const first = Math.max(0, count - shared[layer])
    return { ids: Array.from({ length: count - first }, (_, i) => first + i), isApart: shared[layer] > 0 }
  })
  if (always.every(({ ids }) => ids.length === 0)) return softmaxRouting(keys)
  if (keys.flag('norm_topk_prob')) throw keys.refuse('norm_topk_prob', 'false with experts that every token uses')
  return { always }
}

/** Number of each layer's shared experts, which are its last. */
function sharedExperts(keys: ConfigReader, counts: readonly number[]): number[] {
  if (keys.has('num_experts_per_layer') && keys.has('num_shared_experts_per_layer')) {
    return keys.sizePerLayer('num_shared_experts_per_layer', counts.length, 0)
  }
  const shared = keys.size('num_shared_experts', 0)
  return counts.map((count) => (keys.has('num_experts_per_layer') ? Math.min(shared, count) : shared))
}

/** Ids of each layer's experts that config.json lists as always active. */
function listedExperts(keys: ConfigReader, layers: number): number[][] {
  const perLayer = 'always_active_experts_per_layer'
  if (!keys.has(perLayer)) {
    const ids = anyOf(listOf(isNumber), oneOf([null, undefined]))
    return new Array<number[]>(layers).fill(keys.as('always_active_experts', ids, 'a list of ids') ?? [])
  }
  const lists = keys.raw[perLayer]
  if (listOf(listOf(isNumber), { least: layers, most: layers })(lists)) return lists
  throw new UserError(`${keys.source}: ${perLayer} must be a list of ids for each of ${layers} layers`)
}
