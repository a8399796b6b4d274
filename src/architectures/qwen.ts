import type { ConfigReader } from '../model/config-reader.js'
import type { Blocks } from '../nn/decoder.js'
import { GroupedQueryAttention } from '../nn/grouped-query-attention.js'
import { preNormBlocks } from '../nn/pre-norm-blocks.js'
import { Rope } from '../nn/rope.js'
import type { Workspace } from '../nn/workspace.js'
import type { PartFormats } from '../packing/format/formats.js'
import { matrix, type PlannedPiece, vector, whole } from '../packing/format/pieces.js'
import type { Architecture } from './architecture.js'
import {
  type DecoderConfig,
  decoderConfig,
  describeDecoder,
  groupedCache,
  refuseOtherHeadSize,
  softmaxRouting,
} from './decoder-config.js'
import {
  attentionPieces,
  decoderParts,
  densePart,
  expertParts,
  gatedTensors,
  isUnused,
  normPieces,
  routerPieces,
} from './decoder-parts.js'
import { hasExperts, mixedFeeds, unlessDense } from './mixed-layers.js'

export interface QwenConfig extends DecoderConfig {
  /** Channels inside a layer without experts. */
  denseHidden: number
  /** s, channels inside the shared expert; 0 if there is none. */
  sharedHidden: number
  /** Whether each head of queries and keys is normalised. */
  normalisesHeads: boolean
}

const DEFAULTS = {
  vocab_size: 151936,
  hidden_size: 2048,
  num_hidden_layers: 24,
  num_experts_per_tok: 8,
  norm_topk_prob: false,
  decoder_sparse_step: 1,
  mlp_only_layers: [],
  use_sliding_window: false,
  sliding_window: 4096,
  rms_norm_eps: 1e-6,
  rope_theta: 10000,
  hidden_act: 'silu',
  max_position_embeddings: 32768,
  tie_word_embeddings: false,
  bos_token_id: null,
  eos_token_id: null,
}

/** Members that both families share. */
const SHARED: Pick<Architecture<QwenConfig>, 'describe' | 'shapeKeys' | 'parts' | 'ignores' | 'cache' | 'build'> = {
  describe: (config) => describeDecoder(config, config.sharedHidden),
  shapeKeys: () => ['num_hidden_layers', 'hidden_size', 'hidden_act', 'moe_intermediate_size'],
  parts: qwenParts,
  ignores: isUnused,
  cache: groupedCache,
  build: (config, workspace) => qwenBlocks(config, workspace),
}

/** Qwen3's mixtures (Qwen3-30B-A3B): each head of queries and keys is normalised. */
export const qwen3: Architecture<QwenConfig> = {
  ...SHARED,
  title: 'Qwen3 MoE',
  modelTypes: ['qwen3_moe'],
  className: 'Qwen3Moe',
  defaults: {
    ...DEFAULTS,
    num_attention_heads: 32,
    num_key_value_heads: 4,
    intermediate_size: 6144,
    moe_intermediate_size: 768,
    num_experts: 128,
    attention_bias: false,
  },
  parseConfig(keys) {
    const common = decoderConfig(keys, 'qwen3_moe')
    return {
      ...common,
      ...sparseKeys(keys, common.layers),
      sharedHidden: 0,
      normalisesHeads: true,
      attentionBias: keys.flag('attention_bias') ? 'all' : 'none',
      ...(keys.flag('use_sliding_window') && keys.has('sliding_window') && { window: keys.size('sliding_window') }),
    }
  },
}

/** Qwen1.5 and Qwen2 mixtures: biases, and a shared expert with a gate of its own. */
export const qwen2: Architecture<QwenConfig> = {
  ...SHARED,
  title: 'Qwen2 MoE',
  modelTypes: ['qwen2_moe'],
  className: 'Qwen2Moe',
  defaults: {
    ...DEFAULTS,
    num_attention_heads: 16,
    num_key_value_heads: 16,
    intermediate_size: 5632,
    moe_intermediate_size: 1408,
    shared_expert_intermediate_size: 5632,
    num_experts: 60,
    num_experts_per_tok: 4,
    qkv_bias: true,
  },
  parseConfig(keys) {
    // Versions of the reference code disagree on which layers the window is for.
    if (keys.flag('use_sliding_window')) throw keys.refuse('use_sliding_window', 'false for qwen2_moe')
    const common = decoderConfig(keys, 'qwen2_moe')
    refuseOtherHeadSize(keys, common)
    return {
      ...common,
      ...sparseKeys(keys, common.layers),
      sharedHidden: keys.size('shared_expert_intermediate_size'),
      normalisesHeads: false,
      attentionBias: keys.flag('qkv_bias') ? 'qkv' : 'none',
    }
  },
}

/** Number of experts of each layer: a layer has experts unless it is listed as dense or the step skips it. */
function sparseKeys(keys: ConfigReader, layers: number) {
  const step = keys.size('decoder_sparse_step')
  const dense = keys.has('mlp_only_layers') ? keys.layerNumbers('mlp_only_layers') : new Set<number>()
  const experts = keys.size('num_experts', 0)
  const counts = Array.from({ length: layers }, (_, l) => (dense.has(l) || (l + 1) % step !== 0 ? 0 : experts))
  return {
    mixtures: unlessDense(counts, () => keys.mixture('mlp', counts, 'num_experts_per_tok', softmaxRouting(keys))),
    ffnHidden: keys.size('moe_intermediate_size'),
    denseHidden: keys.size('intermediate_size'),
  }
}

function qwenParts(config: QwenConfig, formats: PartFormats) {
  const { width: d, ffnHidden: f, mixtures } = config
  return decoderParts(config, formats, function* (layer) {
    const isSparse = hasExperts(config, layer)
    const pieces = [
      ...normPieces(layer, d),
      ...attentionPieces(config, formats, layer),
      ...headNorms(config, layer),
      ...(isSparse ? sparsePieces(config, formats, layer) : densePieces(config, formats, layer)),
    ]
    yield densePart(layer, pieces)
    if (!isSparse) return
    const key = `model.layers.${layer}.mlp.experts`
    yield* expertParts(layer, mixtures[0], (id) => gatedTensors(formats.mlp, `${key}.${id}`, f, d))
  })
}

function headNorms({ normalisesHeads, headSize }: QwenConfig, layer: number): PlannedPiece[] {
  if (!normalisesHeads) return []
  return ['q_norm', 'k_norm'].map((name) => {
    return vector(name, whole(`model.layers.${layer}.self_attn.${name}.weight`, [headSize]))
  })
}

/** Pieces of the router, and of the shared expert with its gate. */
function sparsePieces(config: QwenConfig, formats: PartFormats, layer: number): PlannedPiece[] {
  const { width: d, sharedHidden: s, mixtures } = config
  const mlp = `model.layers.${layer}.mlp`
  const router = routerPieces(config, `${mlp}.gate`, layer, mixtures[0])
  if (s === 0) return router
  return [
    ...router,
    ...gatedTensors(formats.mlp, `${mlp}.shared_expert`, s, d, 'shared.'),
    matrix('shared.gate', 'f32', whole(`${mlp}.shared_expert_gate.weight`, [1, d])),
  ]
}

function densePieces({ width, denseHidden }: QwenConfig, formats: PartFormats, layer: number): PlannedPiece[] {
  return gatedTensors(formats.mlp, `model.layers.${layer}.mlp`, denseHidden, width, 'dense.')
}

function qwenBlocks(config: QwenConfig, workspace: Workspace): Blocks {
  const { epsilon, attentionScale: scale, attentionBias: bias, ffnHidden, denseHidden, sharedHidden } = config
  const rope = new Rope(workspace, config.rope, config.headSize)
  const norm = config.normalisesHeads ? ({ span: 'head', epsilon } as const) : undefined
  const attention = new GroupedQueryAttention(workspace, { ...config, scale, bias, rope, norm })
  const shared = sharedHidden > 0 ? { hidden: sharedHidden, gated: true } : undefined
  const { activation } = config
  const sparse = { activation, hidden: ffnHidden, shared }
  const feedOf = mixedFeeds(workspace, config, sparse, { activation, hidden: denseHidden })
  return preNormBlocks(workspace, { mixerOf: () => attention, feedOf, epsilon })
}
