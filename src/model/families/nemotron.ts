import { isText } from '../../ground/json/forms.js'
import { MOST_TAPS } from '../../kernels/abi/states.js'
import type { ConfigReader } from '../config/config-reader.js'
import { byLayer } from '../layers/by-layer.js'
import { Mamba2, type Mamba2Shape, mamba2StateFloats } from '../layers/mixers/mamba2.js'
import { preNormBlocks } from '../layers/pre-norm-blocks.js'
import type { PartFormats } from '../packing/format/formats.js'
import { either, matrix, type PlannedPiece, vector, whole } from '../packing/format/pieces.js'
import type { Architecture } from './shared/architecture.js'
import { type DecoderConfig, decoderConfig, unlessDense } from './shared/decoder-config.js'
import { DECODER, describeDecoder, groupedCache, isUnused } from './shared/decoder-family.js'
import { attentionLayers, feedLayers } from './shared/decoder-layers.js'
import { attentionPieces, decoderParts, routerPieces } from './shared/decoder-parts.js'
import { sigmoidGroups } from './shared/grouped-experts.js'
import { describeMamba, mambaPieces } from './shared/mamba.js'

/** Signs of the kinds of layers in `hybrid_override_pattern`, and their names in `layers_block_type`. */
const KINDS = {
  M: ['mamba', 'linear_attention'],
  E: ['moe'],
  '*': ['attention', 'full_attention'],
  '-': ['mlp'],
} satisfies Record<string, string[]>

type Kind = keyof typeof KINDS

interface NemotronConfig extends DecoderConfig {
  kinds: readonly Kind[]
  mamba: Mamba2Shape
  /** Whether dense layers and shared experts have biases. */
  feedBias: boolean
}

/** NVIDIA's Nemotron 3: each layer is Mamba-2, attention, experts or a dense network, with squared ReLU and no gates. */
export const nemotron: Architecture<NemotronConfig> = {
  ...DECODER,
  title: 'Nemotron 3',
  modelTypes: ['nemotron_h'],
  className: 'NemotronH',

  defaults: {
    vocab_size: 131072,
    hidden_size: 4096,
    num_hidden_layers: null,
    hybrid_override_pattern: null,
    layers_block_type: null,
    num_attention_heads: 32,
    num_key_value_heads: 8,
    head_dim: 128,
    mamba_num_heads: 128,
    mamba_head_dim: 64,
    n_groups: 8,
    ssm_state_size: 128,
    conv_kernel: 4,
    use_conv_bias: true,
    use_bias: false,
    mlp_bias: false,
    n_routed_experts: 8,
    num_experts_per_tok: 2,
    moe_intermediate_size: 7688,
    moe_shared_expert_intermediate_size: 7688,
    moe_latent_size: null,
    n_group: 1,
    topk_group: 1,
    norm_topk_prob: true,
    routed_scaling_factor: 1,
    intermediate_size: 21504,
    mlp_hidden_act: 'relu2',
    mamba_hidden_act: 'silu',
    layer_norm_epsilon: 1e-5,
    max_position_embeddings: 4096,
    bos_token_id: 1,
    eos_token_id: 2,
  },
  aliases: { mamba_n_groups: 'n_groups', mamba_d_conv: 'conv_kernel' },

  parseConfig(keys) {
    keys.oneOf('mlp_hidden_act', ['relu2'])
    keys.oneOf('mamba_hidden_act', ['silu'])
    if (keys.has('moe_latent_size')) throw keys.refuse('moe_latent_size', 'null')
    const kinds = kindsOf(keys)
    const layers = kinds.length
    // The reference code ties no head to the embedding, whatever the key says.
    const spelt = { num_hidden_layers: layers, rms_norm_eps: keys.positive('layer_norm_epsilon'), hidden_act: 'relu' }
    const common = decoderConfig(keys.with({ ...spelt, tie_word_embeddings: false }), 'nemotron_h', () =>
      new Array(layers).fill(undefined),
    )
    const experts = keys.size('n_routed_experts')
    const counts = kinds.map((kind) => (kind === 'E' ? experts : 0))
    const routing = () => sigmoidGroups(keys, 'n_routed_experts', keys.flag('norm_topk_prob'))
    return {
      ...common,
      activation: 'relu2',
      kinds,
      mamba: mambaKeys(keys),
      feedBias: keys.flag('mlp_bias'),
      mixtures: unlessDense(counts, () => keys.mixture('mlp', counts, 'num_experts_per_tok', routing)),
      ffnHidden: keys.size('moe_intermediate_size'),
      denseHidden: kinds.includes('-') ? keys.size('intermediate_size') : 0,
      sharedHidden: keys.size('moe_shared_expert_intermediate_size', 0),
    }
  },

  describe(config) {
    const { kinds, layers, mamba } = config
    const words = describeDecoder(config)
    const count = (kind: Kind) => kinds.filter((own) => own === kind).length
    const [heads, ...rest] = words.attention
    const dense = count('-') > 0 ? [`a dense network of ${config.denseHidden} in ${count('-')}`] : []
    return {
      ...words,
      attention: [
        ...(count('M') > 0 ? describeMamba(mamba, count('M'), layers) : []),
        ...(count('*') > 0 ? [`attention in ${count('*')}: ${heads}`, ...rest] : []),
      ],
      mlp: [...words.mlp, ...dense],
    }
  },
  shapeKeys: () => ['hidden_size', 'hybrid_override_pattern', 'layers_block_type', 'moe_intermediate_size'],
  ignores: (tensor, config) => isUnused(tensor, config) || tensor.startsWith('mtp.'),

  parts(config, formats) {
    const { vocabSize: V, width: d } = config
    const [words, saved] = ['embeddings', 'embedding'].map((name) => whole(`backbone.${name}.weight`, [V, d]))
    const layerPieces = (layer: number) => {
      const key = `backbone.layers.${layer}`
      const norm = vector('norm1.weight', whole(`${key}.norm.weight`, [d]))
      return {
        dense: [norm, ...mixerPieces(config, formats, layer, `${key}.mixer`)],
        expert: (id: number) => feedPieces(config, formats, 'expert', `${key}.mixer.experts.${id}`),
      }
    }
    // Some versions of transformers save the table under another name.
    return decoderParts(config, formats, layerPieces, { words: either(words, saved), lastNorm: 'backbone.norm_f' })
  },

  cache({ kinds, mamba, ...config }, layer) {
    if (kinds[layer] === 'M') return { state: mamba2StateFloats(mamba) }
    return kinds[layer] === '*' ? groupedCache(config, layer) : {}
  },

  build(config, workspace) {
    const { kinds, mamba, epsilon, feedBias } = config
    const isIn =
      (...own: Kind[]) =>
      (layer: number) =>
        own.includes(kinds[layer])
    const [isMamba, isAttention, isFeed] = [isIn('M'), isIn('*'), isIn('E', '-')]
    const attentionOf = attentionLayers(workspace, config, { isIn: isAttention })
    const feedOf = feedLayers(workspace, config, {
      gated: false,
      denseBias: feedBias,
      sharedBias: feedBias,
      isIn: isFeed,
    })
    const mambaOf = byLayer(
      () => true,
      () => new Mamba2(workspace, mamba, { epsilon, isIn: isMamba }),
    )
    return preNormBlocks(workspace, {
      epsilon,
      mixerOf: (layer) => (isMamba(layer) ? mambaOf(layer) : isAttention(layer) ? attentionOf(layer) : undefined),
      feedOf: (layer) => (isFeed(layer) ? feedOf(layer) : undefined),
    })
  },
}

/** The kinds of the layers: a list of names, or a text with a sign for each. */
function kindsOf(keys: ConfigReader): Kind[] {
  const layers = keys.has('num_hidden_layers') ? keys.layers('num_hidden_layers') : undefined
  const key = keys.has('layers_block_type') ? 'layers_block_type' : 'hybrid_override_pattern'
  const given = keys.raw[key]
  const listed = isText(given) ? [...given] : given
  if (!Array.isArray(listed)) throw keys.refuse(key, 'a text with M, E, * or - for each layer')
  const signs = ['M', 'E', '*', '-'] as const
  const known = signs.flatMap((sign) => [sign, ...KINDS[sign]])
  const names = keys.with({ [key]: listed }).oneOfEach(key, layers ?? listed.length, known)
  return names.map((name) => signs.find((sign) => [sign, ...KINDS[sign]].includes(name)) ?? 'M')
}

function mambaKeys(keys: ConfigReader): Mamba2Shape {
  const [heads, groups] = [keys.size('mamba_num_heads'), keys.size('n_groups')]
  if (heads % groups !== 0) throw keys.refuse('n_groups', `a divisor of mamba_num_heads (${heads})`)
  return {
    heads,
    headSize: keys.size('mamba_head_dim'),
    groups,
    stateSize: keys.size('ssm_state_size'),
    taps: keys.size('conv_kernel', 2, MOST_TAPS),
    convolutionBias: keys.flag('use_conv_bias'),
    projectionBias: keys.flag('use_bias'),
    normsGroups: true,
  }
}

/** Pieces of the one thing that a layer has. */
function mixerPieces(config: NemotronConfig, formats: PartFormats, layer: number, mixer: string): PlannedPiece[] {
  switch (config.kinds[layer]) {
    case 'M':
      return mambaPieces(config, formats, mixer)
    case '*':
      return attentionPieces(config, formats, layer, { prefix: mixer })
    case '-':
      return feedPieces(config, formats, 'dense', mixer)
    case 'E': {
      const selection = whole(`${mixer}.gate.e_score_correction_bias`, [config.mixtures[0].experts[layer]])
      return [
        ...routerPieces(config, layer, `${mixer}.gate`, { selection }),
        ...feedPieces(config, formats, 'shared', `${mixer}.shared_experts`),
      ]
    }
  }
}

/** Pieces of a network without a gate. Experts have no biases. */
function feedPieces(
  { width: d, ffnHidden: expert, denseHidden: dense, sharedHidden: shared, feedBias }: NemotronConfig,
  { mlp: format }: PartFormats,
  of: 'expert' | 'dense' | 'shared',
  key: string,
): PlannedPiece[] {
  const f = { expert, dense, shared }[of]
  if (f === 0) return []
  const prefix = of === 'expert' ? '' : `${of}.`
  return (['up', 'down'] as const).flatMap((name) => {
    const shape = name === 'up' ? [f, d] : [d, f]
    return [
      matrix(`${prefix}${name}`, format, whole(`${key}.${name}_proj.weight`, shape)),
      ...(feedBias && of !== 'expert'
        ? [vector(`${prefix}${name}.bias`, whole(`${key}.${name}_proj.bias`, shape.slice(0, 1)))]
        : []),
    ]
  })
}
