import type { ConfigReader } from '../config/config-reader.js'
import type { Routing } from '../config/routing.js'
import type { Architecture } from './shared/architecture.js'
import {
  type DecoderConfig,
  decoderConfig,
  kindWindows,
  type LayerKind,
  layerKinds,
  PLAIN_DEFAULTS,
  unlessDense,
} from './shared/decoder-config.js'
import { DECODER } from './shared/decoder-family.js'
import { namedParts } from './shared/decoder-parts.js'
import { ropeConfig } from './shared/rope-config.js'

/** Norms before and after attention, before and after the experts. */
const NORMS = ['input_layernorm', 'post_attention_layernorm', 'pre_mlp_layernorm', 'post_mlp_layernorm'] as const

/** Arcee's Trinity: gated attention with a window and positions in most layers, and norms around each sublayer. */
export const afmoe: Architecture<DecoderConfig> = {
  ...DECODER,
  title: 'Trinity (AFMoE)',
  modelTypes: ['afmoe'],
  className: 'Afmoe',

  defaults: {
    ...PLAIN_DEFAULTS,
    vocab_size: 200192,
    hidden_size: 2048,
    num_hidden_layers: 32,
    num_attention_heads: 16,
    head_dim: 128,
    intermediate_size: 6144,
    moe_intermediate_size: 1408,
    num_dense_layers: 1,
    num_experts: 64,
    num_experts_per_tok: 6,
    num_shared_experts: 2,
    route_scale: 1,
    global_attn_every_n_layers: 4,
    sliding_window: 1024,
    mup_enabled: false,
    attention_bias: false,
    rms_norm_eps: 1e-5,
    rope_theta: 10000,
    max_position_embeddings: 16384,
  },

  parseConfig(keys) {
    const common = decoderConfig(keys, 'afmoe', ropesOf)
    const [dense, experts] = [keys.size('num_dense_layers', 0), keys.size('num_experts')]
    const counts = Array.from({ length: common.layers }, (_, layer) => (layer < dense ? 0 : experts))
    const factor = keys.positive('route_scale')
    const routing: Routing = { score: 'sigmoid', selectionBias: true, normalise: { add: 1e-20 }, factor }
    const ffnHidden = keys.size('moe_intermediate_size')
    return {
      ...common,
      norms: 'around',
      queryKeyNorm: 'head',
      attentionGate: 'sigmoid',
      attentionBias: keys.flag('attention_bias') ? 'all' : 'none',
      ...(keys.flag('mup_enabled') && { embeddingScale: Math.sqrt(common.width) }),
      mixtures: unlessDense(counts, () => keys.mixture('mlp', counts, 'num_experts_per_tok', routing)),
      ffnHidden,
      denseHidden: keys.size('intermediate_size'),
      sharedHidden: ffnHidden * keys.size('num_shared_experts', 0),
      windows: kindWindows(keys, kindsOf(keys, common.layers)),
    }
  },

  parts(config, formats) {
    const [before1, after1, before2, after2] = NORMS
    return namedParts(config, formats, {
      norms: [before1, before2],
      normsAfter: [after1, after2],
      attention: { gate: 'gate_proj' },
      router: 'router.gate',
      selection: 'expert_bias',
      shared: 'shared_experts',
    })
  },
}

/** Without `layer_types` every n-th layer has no window. */
function kindsOf(keys: ConfigReader, layers: number): LayerKind[] {
  const period = keys.size('global_attn_every_n_layers')
  return layerKinds(keys, layers, (layer) => (layer + 1) % period !== 0)
}

/** Layers without a window have no positions. */
function ropesOf(keys: ConfigReader, { layers }: { layers: number }): DecoderConfig['ropes'] {
  const rope = ropeConfig(keys)
  return kindsOf(keys, layers).map((kind) => (kind === 'sliding_attention' ? rope : undefined))
}
