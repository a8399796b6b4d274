import { UserError } from '../../../ground/errors.js'
import type { PartFormats } from '../../packing/format/formats.js'
import { entriesOf, matrix, type PlannedPiece, rowsOf, vector, whole } from '../../packing/format/pieces.js'
import type { Architecture } from '../shared/architecture.js'
import { type DecoderConfig, decoderConfig, PLAIN_DEFAULTS } from '../shared/decoder-config.js'
import { DECODER, isUnusedOrDrafting } from '../shared/decoder-family.js'
import { namedParts } from '../shared/decoder-parts.js'
import { groupedExperts, sigmoidGroups } from '../shared/grouped-experts.js'
import { ropeConfig } from '../shared/rope-config.js'

/** inclusionAI's Ling and Ring 2.0: one matrix of queries, keys and values, and many small experts in groups. */
export const bailing: Architecture<DecoderConfig> = {
  ...DECODER,
  title: 'Ling 2',
  modelTypes: ['bailing_moe_v2', 'bailing_moe'],
  className: 'BailingMoeV2',

  defaults: {
    ...PLAIN_DEFAULTS,
    vocab_size: 157184,
    hidden_size: 2048,
    num_hidden_layers: 20,
    num_attention_heads: 16,
    num_key_value_heads: 4,
    head_dim: 128,
    intermediate_size: 5120,
    moe_intermediate_size: 512,
    num_experts: 256,
    num_experts_per_tok: 8,
    num_shared_experts: 1,
    first_k_dense_replace: 1,
    n_group: 8,
    topk_group: 4,
    routed_scaling_factor: 1,
    use_qk_norm: true,
    use_qkv_bias: false,
    use_bias: false,
    rms_norm_eps: 1e-6,
    rope_theta: 600000,
    max_position_embeddings: 32768,
    eos_token_id: 156892,
  },

  parseConfig(keys, classNames) {
    // The first generation has the same model_type, and other routers.
    if (keys.raw.model_type === 'bailing_moe' && !classNames.some((name) => name.startsWith('BailingMoeV2'))) {
      throw new UserError(`${keys.source}: architectures must be BailingMoeV2ForCausalLM for model_type "bailing_moe"`)
    }
    const common = decoderConfig(keys, 'bailing_moe_v2', (_, { layers, headSize: partOf }) =>
      new Array(layers).fill(ropeConfig(keys, { partOf })),
    )
    const hasBias = keys.flag('use_qkv_bias')
    if (keys.flag('use_bias') && !hasBias) throw keys.refuse('use_bias', 'false without use_qkv_bias')
    const routing = () => sigmoidGroups(keys, 'num_experts', keys.size('num_experts_per_tok') > 1)
    const mixture = groupedExperts(keys, common.layers, {
      ...{ experts: 'num_experts', shared: 'num_shared_experts' },
      routing,
    })
    return {
      ...common,
      ...mixture,
      attentionBias: keys.flag('use_bias') ? 'all' : hasBias ? 'qkv' : 'none',
      ...(keys.flag('use_qk_norm') && { queryKeyNorm: 'head' }),
    }
  },

  ignores: isUnusedOrDrafting,

  parts: (config, formats) =>
    namedParts(config, formats, {
      mixer: (layer) => attentionPieces(config, formats, `model.layers.${layer}.attention`),
      selection: 'gate.expert_bias',
      shared: 'shared_experts',
      embedding: 'model.word_embeddings',
    }),
}

function attentionPieces(config: DecoderConfig, formats: PartFormats, key: string): PlannedPiece[] {
  const { width: d, heads: H, keyValueHeads: K, headSize, attentionBias, queryKeyNorm } = config
  const ends = [0, H, H + K, H + 2 * K].map((heads) => heads * headSize)
  const parts = [0, 1, 2] as const
  const weight = whole(`${key}.query_key_value.weight`, [ends[3], d])
  const bias = whole(`${key}.query_key_value.bias`, [ends[3]])
  const norm = (name: string) => whole(`${key}.${name}.weight`, [headSize])
  return [
    matrix(
      'qkv.weight',
      formats.attention,
      parts.map((i) => rowsOf(weight, ends[i], ends[i + 1])),
    ),
    ...(attentionBias === 'none'
      ? []
      : [
          vector(
            'qkv.bias',
            parts.map((i) => entriesOf(bias, ends[i], ends[i + 1])),
          ),
        ]),
    ...(queryKeyNorm ? [vector('q_norm', norm('query_layernorm')), vector('k_norm', norm('key_layernorm'))] : []),
    matrix('output.weight', formats.attention, whole(`${key}.dense.weight`, [d, H * headSize])),
    ...(attentionBias === 'all' ? [vector('output.bias', whole(`${key}.dense.bias`, [d]))] : []),
  ]
}
