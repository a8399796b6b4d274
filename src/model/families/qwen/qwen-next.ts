import { exp } from '../../../ground/elementary.js'
import { formatBytes } from '../../../ground/numbers.js'
import { MOST_TAPS } from '../../../kernels/abi/states.js'
import type { ConfigReader } from '../../config/config-reader.js'
import { byLayer } from '../../layers/by-layer.js'
import { type DeltaShape, deltaStateFloats, GatedDeltaNet } from '../../layers/mixers/gated-delta-net.js'
import { preNormBlocks } from '../../layers/pre-norm-blocks.js'
import type { Workspace } from '../../layers/workspace.js'
import type { PartFormats } from '../../packing/format/formats.js'
import type { Part, Source } from '../../packing/format/layout.js'
import {
  changed,
  either,
  expertOf,
  matrix,
  type PlannedPiece,
  regrouped,
  rowsOf,
  tapOf,
  vector,
  whole,
} from '../../packing/format/pieces.js'
import type { Architecture } from '../shared/architecture.js'
import { type DecoderConfig, decoderConfig, PLAIN_DEFAULTS } from '../shared/decoder-config.js'
import { DECODER, describeDecoder, groupedCache } from '../shared/decoder-family.js'
import { attentionLayers, feedLayers } from '../shared/decoder-layers.js'
import { attentionPieces, namedParts, queryKeyNorms } from '../shared/decoder-parts.js'
import { ropeConfig } from '../shared/rope-config.js'
import { sparseKeys } from './qwen.js'

const LAYER_TYPES = ['linear_attention', 'full_attention'] as const

export interface QwenNextConfig extends DecoderConfig {
  layerTypes: (typeof LAYER_TYPES)[number][]
  delta: DeltaShape
}

const DEFAULTS = {
  ...PLAIN_DEFAULTS,
  hidden_size: 2048,
  num_attention_heads: 16,
  num_key_value_heads: 2,
  head_dim: 256,
  full_attention_interval: 4,
  linear_num_key_heads: 16,
  linear_num_value_heads: 32,
  linear_key_head_dim: 128,
  linear_value_head_dim: 128,
  linear_conv_kernel_dim: 4,
  moe_intermediate_size: 512,
  shared_expert_intermediate_size: 512,
  attention_bias: false,
  rms_norm_eps: 1e-6,
  rope_theta: 10000,
  partial_rotary_factor: 0.25,
  max_position_embeddings: 32768,
}

const SHARED = {
  ...DECODER,
  describe,
  shapeKeys: () => ['num_hidden_layers', 'hidden_size', 'moe_intermediate_size'],
  // Layers that predict further tokens.
  ignores: (tensor: string) => tensor.endsWith('.rotary_emb.inv_freq') || tensor.startsWith('mtp.'),
  cache: (config: QwenNextConfig, layer: number) =>
    isDelta(config, layer) ? { state: deltaStateFloats(config.delta) } : groupedCache(config, layer),
  parts: partsOf,
  build,
} satisfies Partial<Architecture<QwenNextConfig>>

/** Qwen3-Next: gated DeltaNet, with gated attention in every fourth layer. */
export const qwen3Next: Architecture<QwenNextConfig> = {
  ...SHARED,
  title: 'Qwen3-Next',
  modelTypes: ['qwen3_next'],
  className: 'Qwen3Next',
  defaults: {
    ...DEFAULTS,
    vocab_size: 151936,
    num_hidden_layers: 48,
    num_experts: 512,
    num_experts_per_tok: 10,
    norm_topk_prob: true,
    decoder_sparse_step: 1,
    mlp_only_layers: [],
    intermediate_size: 5632,
  },
  parseConfig: (keys) => parseNext(keys, 'qwen3_next'),
}

/** Qwen3.5 and Qwen3.6 mixtures, the part for text: as Qwen3-Next, without dense layers. */
export const qwen35: Architecture<QwenNextConfig> = {
  ...SHARED,
  title: 'Qwen3.5 MoE',
  modelTypes: ['qwen3_5_moe_text', 'qwen3_5_moe'],
  className: 'Qwen3_5Moe',
  defaults: {
    ...DEFAULTS,
    vocab_size: 248320,
    num_hidden_layers: 40,
    num_experts: 256,
    num_experts_per_tok: 8,
  },
  parseConfig: (keys) => {
    // Keys that this family does not read.
    const fixed = { norm_topk_prob: true, decoder_sparse_step: 1, mlp_only_layers: [], intermediate_size: 1 }
    return parseNext(keys.with(fixed), 'qwen3_5_moe')
  },
}

function parseNext(keys: ConfigReader, modelType: string): QwenNextConfig {
  keys.oneOf('hidden_act', ['silu'])
  const common = decoderConfig(keys, modelType, (keys, { layers, headSize }) =>
    new Array(layers).fill(ropeConfig(keys, { partOf: headSize })),
  )
  const { layers } = common
  const interval = keys.size('full_attention_interval')
  const [keyHeads, heads] = [keys.size('linear_num_key_heads'), keys.size('linear_num_value_heads')]
  if (heads % keyHeads !== 0) throw keys.refuse('linear_num_value_heads', `a multiple of ${keyHeads} key heads`)
  return {
    ...common,
    ...sparseKeys(keys, layers),
    sharedHidden: keys.size('shared_expert_intermediate_size'),
    sharedGate: true,
    attentionBias: keys.flag('attention_bias') ? 'all' : 'none',
    layerTypes: keys.has('layer_types')
      ? keys.oneOfEach('layer_types', layers, LAYER_TYPES)
      : Array.from({ length: layers }, (_, layer) => LAYER_TYPES[Number((layer + 1) % interval === 0)]),
    delta: {
      keyHeads,
      heads,
      keySize: keys.size('linear_key_head_dim'),
      valueSize: keys.size('linear_value_head_dim'),
      taps: keys.size('linear_conv_kernel_dim', 1, MOST_TAPS),
      // Written for GGUF files, whose heads have another order.
      isTiled: keys.raw.molm_tiled_value_heads === true,
    },
  }
}

function isDelta({ layerTypes }: QwenNextConfig, layer: number): boolean {
  return layerTypes[layer] === 'linear_attention'
}

function describe(config: QwenNextConfig) {
  const words = describeDecoder(config)
  const { heads, keySize, valueSize } = config.delta
  const full = config.layerTypes.filter((type) => type === 'full_attention').length
  const bytes = 4 * (config.layers - full) * deltaStateFloats(config.delta)
  const [attention, ...rest] = words.attention
  return {
    ...words,
    attention: [
      `gated, in ${full} of ${config.layers} layers: ${attention}`,
      ...rest,
      `gated DeltaNet in the others: ${heads} heads with states of ${keySize} x ${valueSize}, ${formatBytes(bytes)} a text`,
    ],
  }
}

function build(config: QwenNextConfig, workspace: Workspace) {
  const isAttention = (layer: number) => !isDelta(config, layer)
  const attentionOf = attentionLayers(workspace, config, { norm: 'head', gate: 'sigmoid', isIn: isAttention })
  const deltaOf = byLayer(
    () => true,
    () => new GatedDeltaNet(workspace, config.delta, config.epsilon, (layer) => isDelta(config, layer)),
  )
  const mixerOf = (layer: number) => (isDelta(config, layer) ? deltaOf(layer) : attentionOf(layer))
  return preNormBlocks(workspace, { ...config, mixerOf, feedOf: feedLayers(workspace, config) })
}

function* partsOf(config: QwenNextConfig, formats: PartFormats): Generator<Part> {
  const parts = namedParts(config, formats, {
    mixer: (layer) =>
      isDelta(config, layer)
        ? deltaPieces(config, formats, layer)
        : [
            ...attentionPieces(config, formats, layer, { gatesInQueries: true }),
            ...queryKeyNorms(config, layer, 'head'),
          ],
    shared: 'shared_expert',
    sharedGate: 'shared_expert_gate',
  })
  for (const part of parts) {
    const pieces = part.pieces.map((piece) => ({ ...piece, sources: sourcesOf(config, part, piece) }))
    yield { ...part, pieces }
  }
}

/** Norms whose files have w for a weight of 1 + w. */
const NORMS = ['norm1.weight', 'norm2.weight', 'norm.weight', 'q_norm', 'k_norm']

/** The sources of a piece that is stored in another way than in other families. */
function sourcesOf(
  { modelType, ffnHidden: f, width: d, mixtures, tieWordEmbeddings }: QwenNextConfig,
  { name: part, layer = 0, expert }: Part,
  { name, sources }: PlannedPiece,
): Source[] {
  if (NORMS.includes(name)) return sources.map((source) => changed(source, (w) => 1 + w))
  // A head that is stored is used, whatever config.json says.
  if (part === 'lm_head' && tieWordEmbeddings)
    return [either(whole('lm_head.weight', sources[0].tensor.shape), sources[0])]
  if (!expert) return sources
  const E = mixtures[0].experts[layer]
  // Both families have files of both forms; the published one first.
  const isOwn = modelType === 'qwen3_next'
  const eitherOf = (fused: Source, own: Source) => (isOwn ? either(own, fused) : either(fused, own))
  const key = `model.layers.${layer}.mlp.experts`
  if (name === 'down') return [eitherOf(expertOf(`${key}.down_proj`, [E, d, f], expert.id), sources[0])]
  const both = expertOf(`${key}.gate_up_proj`, [E, 2 * f, d], expert.id)
  return sources.map((source, half) => eitherOf(rowsOf(both, half * f, (half + 1) * f), source))
}

function deltaPieces(config: QwenNextConfig, formats: PartFormats, layer: number): PlannedPiece[] {
  const { width: d, delta } = config
  const { heads, valueSize, taps } = delta
  const key = `model.layers.${layer}.linear_attn`
  const { mixed, z, b, a } = config.modelType === 'qwen3_next' ? blockSources(config, key) : ownSources(config, key)
  const filter = Array.from({ length: taps }, (_, tap) => tapOf(`${key}.conv1d.weight`, [mixed.rows, 1, taps], tap))
  return [
    matrix('delta.in.weight', formats.attention, [mixed, z]),
    // They decide what is forgotten, and are small.
    matrix('delta.scalars.weight', 'f32', [b, a]),
    vector('delta.taps', filter),
    vector(
      'delta.rates',
      changed(whole(`${key}.A_log`, [heads]), (log) => -exp(log)),
    ),
    vector('delta.bias', whole(`${key}.dt_bias`, [heads])),
    vector('delta.norm', whole(`${key}.norm.weight`, [valueSize])),
    matrix('delta.output.weight', formats.attention, whole(`${key}.out_proj.weight`, [d, heads * valueSize])),
  ]
}

type DeltaSources = Record<'mixed' | 'z' | 'b' | 'a', Source>

function ownSources({ width: d, delta }: QwenNextConfig, key: string): DeltaSources {
  const { keyHeads, heads, keySize, valueSize } = delta
  const projection = (name: string, rows: number) => whole(`${key}.in_proj_${name}.weight`, [rows, d])
  return {
    mixed: projection('qkv', 2 * keyHeads * keySize + heads * valueSize),
    z: projection('z', heads * valueSize),
    b: projection('b', heads),
    a: projection('a', heads),
  }
}

/** The same from tensors that have all rows of a key head together: q, k, v, z, and b, a. */
function blockSources({ width: d, delta }: QwenNextConfig, key: string): DeltaSources {
  const { keyHeads, heads, keySize, valueSize } = delta
  const share = heads / keyHeads
  const [values, block] = [share * valueSize, 2 * (keySize + share * valueSize)]
  const rows = whole(`${key}.in_proj_qkvz.weight`, [keyHeads * block, d])
  const scalars = whole(`${key}.in_proj_ba.weight`, [2 * heads, d])
  const mixed = [[0, keySize] as const, [keySize, keySize] as const, [2 * keySize, values] as const]
  return {
    mixed: regrouped(rows, block, mixed),
    z: regrouped(rows, block, [[2 * keySize + values, values]]),
    b: regrouped(scalars, 2 * share, [[0, share]]),
    a: regrouped(scalars, 2 * share, [[share, share]]),
  }
}
