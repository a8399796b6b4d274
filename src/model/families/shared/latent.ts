import type { ConfigReader } from '../../config/config-reader.js'
import type { LayerCache } from '../../layers/cache/layer-cache.js'
import type { Blocks } from '../../layers/decoder.js'
import { LatentAttention, type LatentShape } from '../../layers/mixers/latent-attention.js'
import { Rope } from '../../layers/mixers/rope.js'
import { preNormBlocks } from '../../layers/pre-norm-blocks.js'
import type { Workspace } from '../../layers/workspace.js'
import type { PartFormats } from '../../packing/format/formats.js'
import { matrix, type PlannedPiece, rowsOf, transposed, vector, whole } from '../../packing/format/pieces.js'
import type { Architecture, ShapeWords } from './architecture.js'
import { type DecoderConfig, decoderConfig, PLAIN_DEFAULTS } from './decoder-config.js'
import { DECODER, describeDecoder, isUnusedOrDrafting } from './decoder-family.js'
import { feedLayers } from './decoder-layers.js'
import { namedParts } from './decoder-parts.js'
import { ropeConfig, yarnSize } from './rope-config.js'

/** A decoder with latent attention. A head of queries and keys has all its channels, with a position and without. */
export interface LatentConfig extends DecoderConfig {
  latent: Omit<LatentShape, 'heads'>
}

/** Limit of heads. Each has two matrices. */
const MOST_HEADS = 2 ** 16

/** Values of absent keys that DeepSeek's families have in common. */
export const LATENT_DEFAULTS = {
  ...PLAIN_DEFAULTS,
  q_lora_rank: 1536,
  kv_lora_rank: 512,
  qk_nope_head_dim: 128,
  qk_rope_head_dim: 64,
  v_head_dim: 128,
  rope_interleave: true,
  attention_bias: false,
  rms_norm_eps: 1e-6,
  rope_theta: 10000,
}

/** Reads the part of the config that families with latent attention share. */
export function latentConfig(
  keys: ConfigReader,
  modelType: string,
): Omit<LatentConfig, 'mixtures' | 'ffnHidden' | 'denseHidden' | 'sharedHidden'> {
  const [plain, turned] = [keys.size('qk_nope_head_dim'), keys.size('qk_rope_head_dim')]
  if (turned % 2 !== 0) throw keys.refuse('qk_rope_head_dim', 'even: its channels make pairs')
  // A head has these channels, and all of its second part turn, also if the file has other numbers.
  const own = { head_dim: plain + turned, num_key_value_heads: null, partial_rotary_factor: null }
  const pairs = keys.flag('rope_interleave') ? 'neighbours' : 'halves'
  const common = decoderConfig(keys.with(own), modelType, (inner, { layers }) =>
    new Array(layers).fill({ ...ropeConfig(inner), pairs }),
  )
  if (common.heads * common.layers > MOST_HEADS) {
    throw keys.refuse('num_attention_heads', `at most ${MOST_HEADS} in all layers together`)
  }
  return {
    ...common,
    attentionScale: common.attentionScale * yarnSize(keys) ** 2,
    attentionBias: keys.flag('attention_bias') ? 'all' : 'none',
    latent: {
      rank: keys.size('kv_lora_rank'),
      queryRank: keys.has('q_lora_rank') ? keys.size('q_lora_rank') : 0,
      plain,
      turned,
      valueSize: keys.size('v_head_dim'),
    },
  }
}

/** Members of a family with latent attention and DeepSeek's mixtures. */
export const LATENT = {
  ...DECODER,
  describe(config): ShapeWords {
    const { turned, rank, valueSize } = config.latent
    const words = describeDecoder(config)
    const isPlaced = config.ropes.some((rope) => rope !== undefined)
    const more = [
      ...(isPlaced ? [`${turned} of them turn`] : []),
      `${valueSize} of values`,
      `a latent of ${rank} for all heads`,
    ]
    return { ...words, attention: [...words.attention, ...more] }
  },
  ignores: isUnusedOrDrafting,
  parts: (config, formats) =>
    namedParts(config, formats, {
      mixer: (layer) => latentPieces(config, formats, `model.layers.${layer}.self_attn`),
      selection: 'gate.e_score_correction_bias',
      shared: 'shared_experts',
    }),
  cache: latentCache,
  build(config, workspace): Blocks {
    const attention = latentAttention(config, workspace)
    return preNormBlocks(workspace, { ...config, mixerOf: () => attention, feedOf: feedLayers(workspace, config) })
  },
} satisfies Partial<Architecture<LatentConfig>>

export function latentCache({ latent: { rank, turned } }: LatentConfig): LayerCache {
  return { rows: { channels: rank + turned, heads: 1, byHead: true, shared: true } }
}

/** Binds latent attention. `isIn` says which layers have it; all by default. */
export function latentAttention(
  { heads, latent, ropes, attentionScale: scale, attentionBias }: LatentConfig,
  workspace: Workspace,
  isIn?: (layer: number) => boolean,
): LatentAttention {
  const placed = ropes.find((rope) => rope !== undefined)
  const rope = placed && new Rope(workspace, placed, latent.turned)
  return new LatentAttention(workspace, { heads, ...latent, scale, rope, bias: attentionBias === 'all', isIn })
}

/** Pieces of latent attention: one matrix has the keys and values of all heads, head by head. */
export function latentPieces(
  config: LatentConfig,
  formats: PartFormats,
  key: string,
  output = 'o_proj',
): PlannedPiece[] {
  const { width: d, heads: H, headSize, latent, attentionBias } = config
  const { rank: r, queryRank, plain, turned, valueSize, gate } = latent
  const weight = (name: string, shape: number[]) => whole(`${key}.${name}.weight`, shape)
  const bias = (piece: string, name: string, rows: number) =>
    attentionBias === 'all' ? [vector(piece, whole(`${key}.${name}.bias`, [rows]))] : []
  const down =
    queryRank === 0
      ? []
      : [
          matrix('q.down.weight', formats.attention, weight('q_a_proj', [queryRank, d])),
          ...bias('q.down.bias', 'q_a_proj', queryRank),
          vector('q.down.norm', weight('q_a_layernorm', [queryRank])),
        ]
  const query = queryRank === 0 ? weight('q_proj', [H * headSize, d]) : weight('q_b_proj', [H * headSize, queryRank])
  const both = weight('kv_b_proj', [H * (plain + valueSize), r])
  const ofHead = (head: number, from: number, count: number) => {
    const first = head * (plain + valueSize) + from
    return rowsOf(both, first, first + count)
  }
  const heads = [...Array(H).keys()]
  return [
    ...down,
    matrix('q.weight', formats.attention, query),
    matrix('latent.weight', formats.attention, weight('kv_a_proj_with_mqa', [r + turned, d])),
    ...bias('latent.bias', 'kv_a_proj_with_mqa', r + turned),
    vector('latent.norm', weight('kv_a_layernorm', [r])),
    ...heads.map((h) => matrix(`latent.keys.${h}`, formats.attention, transposed(ofHead(h, 0, plain)))),
    ...heads.map((h) => matrix(`latent.values.${h}`, formats.attention, ofHead(h, plain, valueSize))),
    ...(gate
      ? [matrix('latent.gates', formats.attention, weight('g_proj', [gate === 'head' ? H : H * valueSize, d]))]
      : []),
    matrix('output.weight', formats.attention, weight(output, [d, H * valueSize])),
    ...bias('output.bias', output, d),
  ]
}
