import type { ConfigReader } from '../config/config-reader.js'
import type { Routing } from '../config/routing.js'
import type { Architecture } from './shared/architecture.js'
import { type DecoderConfig, decoderConfig, kindWindows, type LayerKind, layerKinds } from './shared/decoder-config.js'
import { DECODER, isUnusedOrDrafting } from './shared/decoder-family.js'
import { decoderBlocks } from './shared/decoder-layers.js'
import { namedParts } from './shared/decoder-parts.js'
import { groupedExperts } from './shared/grouped-experts.js'
import { ropeConfig } from './shared/rope-config.js'

interface CohereConfig extends DecoderConfig {
  /** Factor of experts and shared ones together. */
  mixtureScale: number
}

/** Cohere's mixture: attention and experts read the same norm; windows and positions in most layers. */
export const cohere: Architecture<CohereConfig> = {
  ...DECODER,
  title: 'Cohere 2 MoE',
  modelTypes: ['cohere2_moe'],
  className: 'Cohere2Moe',

  defaults: {
    vocab_size: 256000,
    hidden_size: 8192,
    num_hidden_layers: 40,
    num_attention_heads: 64,
    head_dim: 128,
    intermediate_size: 22528,
    num_experts: 8,
    num_experts_per_tok: 2,
    first_k_dense_replace: 0,
    prefix_dense_sliding_window_pattern: 1,
    sliding_window_pattern: 4,
    sliding_window: 4096,
    expert_selection_fn: 'softmax',
    norm_topk_prob: true,
    num_shared_experts: 0,
    shared_expert_combination_strategy: 'average',
    logit_scale: 0.0625,
    attention_bias: false,
    use_qk_norm: false,
    layer_norm_eps: 1e-5,
    rope_theta: 10000,
    hidden_act: 'silu',
    max_position_embeddings: 8192,
    tie_word_embeddings: true,
    bos_token_id: 5,
    eos_token_id: 255001,
  },

  parseConfig(keys) {
    if (keys.flag('use_qk_norm')) throw keys.refuse('use_qk_norm', 'false')
    const norm = keys.has('rms_norm_eps') ? 'rms' : 'layer'
    const epsilon = keys.positive(norm === 'rms' ? 'rms_norm_eps' : 'layer_norm_eps')
    const common = decoderConfig(keys.with({ rms_norm_eps: epsilon }), 'cohere2_moe', ropesOf)
    const f = keys.size('intermediate_size')
    const prefix = 'prefix_dense_intermediate_size'
    const mixtures = groupedExperts(keys.with({ moe_intermediate_size: f }), common.layers, {
      ...{ experts: 'num_experts', shared: 'num_shared_experts' },
      routing: () => routingOf(keys),
    })
    const isMean = keys.oneOf('shared_expert_combination_strategy', ['average', 'sum']) === 'average'
    return {
      ...common,
      ...mixtures,
      ...(keys.has(prefix) && { denseHidden: keys.size(prefix) }),
      norm,
      norms: 'parallel',
      mixtureScale: isMean && mixtures.sharedHidden > 0 ? 0.5 : 1,
      windows: kindWindows(keys, kindsOf(keys, common.layers)),
      attentionBias: keys.flag('attention_bias') ? 'all' : 'none',
      logitScale: keys.positive('logit_scale'),
    }
  },

  ignores: isUnusedOrDrafting,

  parts: (config, formats) => namedParts(config, formats, { norms: ['input_layernorm'], shared: 'shared_experts' }),
  build: (config, workspace) => decoderBlocks(config, workspace, {}, config),
}

function routingOf(keys: ConfigReader): Routing {
  const isSigmoid = keys.oneOf('expert_selection_fn', ['softmax', 'sigmoid']) === 'sigmoid'
  if (!isSigmoid) return { normalise: {} }
  return { score: 'sigmoid', ...(keys.flag('norm_topk_prob') && { normalise: {} }) }
}

/** Without `layer_types`, every n-th layer has no window; dense layers in front count apart. */
function kindsOf(keys: ConfigReader, layers: number): LayerKind[] {
  const dense = keys.size('first_k_dense_replace', 0)
  const [first, period] = [keys.size('prefix_dense_sliding_window_pattern'), keys.size('sliding_window_pattern')]
  return layerKinds(keys, layers, (layer) =>
    layer < dense ? (layer + 1) % first !== 0 : (layer - dense + 1) % period !== 0,
  )
}

/** Layers without a window have no positions, but for dense ones in front. */
function ropesOf(keys: ConfigReader, { layers }: { layers: number }): DecoderConfig['ropes'] {
  const rope = { ...ropeConfig(keys), pairs: 'neighbours' } as const
  const dense = keys.size('prefix_dense_sliding_window_pattern') === 1 ? keys.size('first_k_dense_replace', 0) : 0
  return kindsOf(keys, layers).map((kind, l) => (kind === 'sliding_attention' || l < dense ? rope : undefined))
}
