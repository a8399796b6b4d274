import type { Architecture } from './shared/architecture.js'
import { type DecoderConfig, decoderConfig } from './shared/decoder-config.js'
import { DECODER } from './shared/decoder-family.js'
import { namedParts } from './shared/decoder-parts.js'

/** Mistral's Mixtral, with a sliding window if config.json has one. */
export const mixtral: Architecture<DecoderConfig> = {
  ...DECODER,
  title: 'Mixtral',
  modelTypes: ['mixtral'],
  className: 'Mixtral',

  defaults: {
    vocab_size: 32000,
    hidden_size: 4096,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    num_key_value_heads: 8,
    intermediate_size: 14336,
    num_local_experts: 8,
    num_experts_per_tok: 2,
    rms_norm_eps: 1e-5,
    rope_theta: 1e6,
    hidden_act: 'silu',
    max_position_embeddings: 131072,
    tie_word_embeddings: false,
    bos_token_id: 1,
    eos_token_id: 2,
  },

  parseConfig(keys) {
    const common = decoderConfig(keys, 'mixtral')
    const experts = keys.everywhere(common.layers, 'num_local_experts')
    return {
      ...common,
      ffnHidden: keys.size('intermediate_size'),
      mixtures: [keys.mixture('mlp', experts, 'num_experts_per_tok', { normalise: {} })],
      ...(keys.has('sliding_window') && { windows: keys.everywhere(common.layers, 'sliding_window') }),
    }
  },

  parts: (config, formats) => namedParts(config, formats, { feed: 'block_sparse_moe', gated: ['w1', 'w3', 'w2'] }),
}
