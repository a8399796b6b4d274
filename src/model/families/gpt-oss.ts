import { UserError } from '../../ground/errors.js'
import { TILE_COLUMNS } from '../../kernels/abi/formats.js'
import { isMxfp4, type PartFormats } from '../packing/format/formats.js'
import {
  alternate,
  expertVector,
  matrix,
  mxfp4Expert,
  type PlannedPiece,
  transposedExpert,
  vector,
  whole,
} from '../packing/format/pieces.js'
import type { Architecture } from './shared/architecture.js'
import { type DecoderConfig, decoderConfig, kindWindows, layerKinds } from './shared/decoder-config.js'
import { DECODER, describeDecoder } from './shared/decoder-family.js'
import { decoderBlocks } from './shared/decoder-layers.js'
import { attentionPieces, decoderParts, normPieces, routerPieces } from './shared/decoder-parts.js'

/** RoPE of a config.json without a word about it. */
const DEFAULT_ROPE = {
  rope_type: 'yarn',
  factor: 32,
  beta_fast: 32,
  beta_slow: 1,
  truncate: false,
  original_max_position_embeddings: 4096,
}

/** The limit of clamped SwiGLU, which the kernel has built in. */
const SWIGLU_LIMIT = 7

/** OpenAI's gpt-oss: a window in some layers, sinks, biases everywhere, clamped SwiGLU. */
export const gptOss: Architecture<DecoderConfig> = {
  ...DECODER,
  title: 'gpt-oss',
  modelTypes: ['gpt_oss'],
  className: 'GptOss',

  defaults: {
    vocab_size: 201088,
    hidden_size: 2880,
    num_hidden_layers: 36,
    num_attention_heads: 64,
    num_key_value_heads: 8,
    head_dim: 64,
    intermediate_size: 2880,
    num_local_experts: 128,
    num_experts_per_tok: 4,
    sliding_window: 128,
    rms_norm_eps: 1e-5,
    rope_theta: 150000,
    attention_bias: true,
    max_position_embeddings: 131072,
    tie_word_embeddings: false,
    swiglu_limit: SWIGLU_LIMIT,
    bos_token_id: null,
    eos_token_id: null,
  },

  parseConfig(keys) {
    if (keys.raw.swiglu_limit !== SWIGLU_LIMIT) throw keys.refuse('swiglu_limit', `${SWIGLU_LIMIT}`)
    const saysRope = keys.raw.rope_scaling !== undefined || keys.has('rope_parameters')
    // The family has one activation, whatever hidden_act says.
    const common = decoderConfig(
      keys.with({ hidden_act: 'silu', ...(!saysRope && { rope_scaling: DEFAULT_ROPE }) }),
      'gpt_oss',
    )
    const experts = keys.everywhere(common.layers, 'num_local_experts')
    const kinds = layerKinds(keys, common.layers, (layer) => layer % 2 === 0)
    return {
      ...common,
      activation: 'clamped_swiglu',
      ffnHidden: keys.size('intermediate_size'),
      gateBias: true,
      mixtures: [keys.mixture('mlp', experts, 'num_experts_per_tok', { normalise: {} })],
      attentionBias: keys.flag('attention_bias') ? 'all' : 'none',
      windows: kindWindows(keys, kinds),
    }
  },

  describe(config) {
    const { attention, ...others } = describeDecoder(config)
    return { ...others, attention: [...attention, 'sinks'] }
  },

  parts(config, formats) {
    if (isMxfp4(formats.mlp)) refusePartialBlocks(config)
    return decoderParts(config, formats, (layer) => {
      const mlp = `model.layers.${layer}.mlp`
      return {
        dense: [
          ...normPieces(config, layer),
          ...attentionPieces(config, formats, layer),
          vector('sinks', whole(`model.layers.${layer}.self_attn.sinks`, [config.heads])),
          ...routerPieces(config, layer, `${mlp}.router`),
        ],
        expert: (id, E) => expertPieces(config, formats, `${mlp}.experts`, E, id),
      }
    })
  },

  readsMxfp4: true,

  build: (config, workspace) => decoderBlocks(config, workspace, { sinks: true }, { bias: true }),
}

/** Checks that the rows of experts in MXFP4 have no part of a block. */
function refusePartialBlocks({ width, ffnHidden }: DecoderConfig): void {
  for (const [key, columns] of [['hidden_size', width] as const, ['intermediate_size', ffnHidden] as const]) {
    if (columns % TILE_COLUMNS === 0) continue
    throw new UserError(
      `config.json: ${key} must be a multiple of ${TILE_COLUMNS} with experts in MXFP4, not ${columns}`,
    )
  }
}

/** Pieces of an expert. A tensor has all experts, rows of gate and up in turn: [E, in, out], or MXFP4 [E, out, in]. */
function expertPieces(
  { width: d, ffnHidden: f }: DecoderConfig,
  { mlp: format }: PartFormats,
  key: string,
  E: number,
  id: number,
): PlannedPiece[] {
  const weights = (name: string, rows: number, cols: number) =>
    isMxfp4(format)
      ? mxfp4Expert(`${key}.${name}`, [E, rows, cols], id)
      : transposedExpert(`${key}.${name}`, [E, cols, rows], id)
  const biases = expertVector(`${key}.gate_up_proj_bias`, [E, 2 * f], id)
  return [
    matrix('gate_up', format, weights('gate_up_proj', 2 * f, d), 'alternating'),
    vector('gate_up.bias', [alternate(biases, 0), alternate(biases, 1)], 'interleaved'),
    matrix('down', format, weights('down_proj', d, f)),
    vector('down.bias', expertVector(`${key}.down_proj_bias`, [E, d], id)),
  ]
}
