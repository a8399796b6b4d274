import type { ConfigReader } from '../config/config-reader.js'
import type { Routing } from '../config/routing.js'
import type { Architecture } from './shared/architecture.js'
import {
  type DecoderConfig,
  decoderConfig,
  kindWindows,
  layerKinds,
  PLAIN_DEFAULTS,
  ropesByKind,
} from './shared/decoder-config.js'
import { DECODER, describeDecoder } from './shared/decoder-family.js'
import { decoderBlocks } from './shared/decoder-layers.js'
import { namedParts } from './shared/decoder-parts.js'
import { groupedExperts } from './shared/grouped-experts.js'

/** RoPE of a config.json without a word about it. */
const DEFAULT_ROPE = {
  full_attention: { rope_type: 'default', rope_theta: 500000, partial_rotary_factor: 0.5 },
  sliding_attention: { rope_type: 'default', rope_theta: 10000 },
}

interface LagunaConfig extends DecoderConfig {
  /** Factor of what the experts add, but not of the shared one. */
  factor: number
}

/** Poolside's Laguna: softplus gates of heads, whose number differs by layer, and windows. */
export const laguna: Architecture<LagunaConfig> = {
  ...DECODER,
  title: 'Laguna',
  modelTypes: ['laguna'],
  className: 'Laguna',

  defaults: {
    ...PLAIN_DEFAULTS,
    vocab_size: 100352,
    hidden_size: 2048,
    num_hidden_layers: 40,
    num_attention_heads: 48,
    num_key_value_heads: 8,
    head_dim: 128,
    intermediate_size: 8192,
    moe_intermediate_size: 512,
    shared_expert_intermediate_size: 512,
    num_experts: 256,
    num_experts_per_tok: 8,
    first_k_dense_replace: 1,
    moe_routed_scaling_factor: 1,
    moe_router_logit_softcapping: 0,
    moe_apply_router_weight_on_input: false,
    gating: true,
    sliding_window: 512,
    attention_bias: false,
    rms_norm_eps: 1e-6,
    max_position_embeddings: 131072,
  },

  parseConfig(keys) {
    const early = 'moe_apply_router_weight_on_input'
    if (keys.flag(early)) throw keys.refuse(early, 'false')
    const common = decoderConfig(keys, 'laguna', ropesByKind(DEFAULT_ROPE, { inPart: true }))
    const { layers, keyValueHeads } = common
    const isEach = keys.raw.gating === true || keys.oneOf('gating', ['per-head', 'per-element']) === 'per-head'
    return {
      ...common,
      ...groupedExperts(keys, layers, { experts: 'num_experts', routing: () => routingOf(keys) }),
      sharedHidden: keys.size('shared_expert_intermediate_size', 0),
      ...(keys.has('num_attention_heads_per_layer') && { layerHeads: headsOf(keys, layers, keyValueHeads) }),
      queryKeyNorm: 'head',
      attentionGate: isEach ? 'softplus-head' : 'softplus',
      factor: keys.positive('moe_routed_scaling_factor'),
      windows: kindWindows(
        keys,
        layerKinds(keys, layers, () => false),
      ),
      attentionBias: keys.flag('attention_bias') ? 'all' : 'none',
    }
  },

  describe(config) {
    const { attention, ...others } = describeDecoder(config)
    const counts = [...new Set(config.layerHeads?.map(({ heads }) => heads))]
    const heads = counts.length > 1 ? `${counts.join(' or ')} heads` : attention[0]
    return { ...others, attention: [heads, ...attention.slice(1)] }
  },

  parts: (config, formats) =>
    namedParts(config, formats, {
      attention: { gate: 'g_proj' },
      selection: ['experts.e_score_correction_bias', 'gate.e_score_correction_bias'],
      shared: ['shared_expert', 'shared_experts'],
    }),

  // Gates are without the factor here, so it is on the whole sum, and the shared expert has its inverse.
  build: (config, workspace) =>
    decoderBlocks(config, workspace, {}, { mixtureScale: config.factor, sharedWeight: 1 / config.factor }),
}

function routingOf(keys: ConfigReader): Routing {
  const key = 'moe_router_logit_softcapping'
  const rule = { score: 'sigmoid', selectionBias: true, normalise: {} } as const
  return keys.raw[key] === 0 || !keys.has(key) ? rule : { ...rule, cap: keys.positive(key) }
}

/** Heads of queries by layer. */
function headsOf(keys: ConfigReader, layers: number, keyValueHeads: number): { heads: number }[] {
  const key = 'num_attention_heads_per_layer'
  const counts = keys.sizePerLayer(key, layers)
  if (counts.some((count) => count % keyValueHeads !== 0)) {
    throw keys.refuse(key, `multiples of num_key_value_heads (${keyValueHeads})`)
  }
  const heads = new Map(counts.map((count) => [count, { heads: count }]))
  return counts.map((count) => heads.get(count) ?? { heads: count })
}
