import { listOf, oneOf } from '../../ground/json/forms.js'
import type { ConfigReader } from '../config/config-reader.js'
import { GatedMixture } from '../layers/gated-mlp.js'
import { preNormBlocks } from '../layers/pre-norm-blocks.js'
import type { Architecture } from './shared/architecture.js'
import { type DecoderConfig, decoderConfig, slidingWindows } from './shared/decoder-config.js'
import { DECODER, describeDecoder } from './shared/decoder-family.js'
import { attentionLayers } from './shared/decoder-layers.js'
import { namedParts } from './shared/decoder-parts.js'
import { ropeConfig } from './shared/rope-config.js'

/** SmallThinker: routers read the residual stream before attention, so experts can be read from a disk meanwhile. */
export const smallthinker: Architecture<DecoderConfig> = {
  ...DECODER,
  title: 'SmallThinker',
  modelTypes: ['smallthinker'],
  className: 'SmallThinker',

  defaults: {
    vocab_size: 151936,
    hidden_size: 1536,
    num_hidden_layers: 32,
    num_attention_heads: 12,
    num_key_value_heads: 2,
    head_dim: 128,
    moe_ffn_hidden_size: 768,
    moe_num_primary_experts: 32,
    moe_num_active_primary_experts: 4,
    moe_primary_router_apply_softmax: false,
    sliding_window_size: 4096,
    rms_norm_eps: 1e-6,
    rope_theta: 1e6,
    max_position_embeddings: 4096,
    tie_word_embeddings: true,
    bos_token_id: null,
    eos_token_id: null,
  },

  parseConfig(keys) {
    const common = decoderConfig(keys.with({ hidden_act: 'relu' }), 'smallthinker', ropesOf)
    const experts = keys.everywhere(common.layers, 'moe_num_primary_experts')
    const score = keys.flag('moe_primary_router_apply_softmax') ? 'softmax' : 'sigmoid'
    const routing = { score, normalise: {} } as const
    return {
      ...common,
      ffnHidden: keys.size('moe_ffn_hidden_size'),
      mixtures: [keys.mixture('mlp', experts, 'moe_num_active_primary_experts', routing)],
      windows: slidingWindows(keys, 'sliding_window_size', layout(keys, 'sliding_window_layout', common.layers, 0)),
    }
  },

  describe(config) {
    const words = describeDecoder(config)
    return { ...words, router: [...words.router, 'before attention'] }
  },
  shapeKeys: () => ['num_hidden_layers', 'hidden_size', 'moe_ffn_hidden_size'],

  parts: (config, formats) =>
    namedParts(config, formats, { feed: 'block_sparse_moe', router: 'primary_router', gated: ['gate', 'up', 'down'] }),

  build(config, workspace) {
    const { mixtures, ffnHidden: hidden } = config
    const mixerOf = attentionLayers(workspace, config)
    const mixture = new GatedMixture(workspace, mixtures[0], { ...config, hidden, routerInput: workspace.x })
    const route = (layer: number, T: number) => mixture.route(layer, T)
    return preNormBlocks(workspace, { ...config, mixerOf, feedOf: () => mixture, route })
  },
}

function ropesOf(keys: ConfigReader, { layers }: { layers: number }): DecoderConfig['ropes'] {
  const rope = ropeConfig(keys)
  return layout(keys, 'rope_layout', layers, 1).map((is) => (is ? rope : undefined))
}

/** A list of 0 or 1 for each layer; without the key, `absent` in all layers. */
function layout(keys: ConfigReader, key: string, layers: number, absent: 0 | 1): boolean[] {
  if (!keys.has(key)) return new Array<boolean>(layers).fill(absent === 1)
  const flags = listOf(oneOf([0, 1]), { least: layers, most: layers })
  return keys.as(key, flags, `a list of ${layers} numbers, 0 or 1`).map((flag) => flag === 1)
}
