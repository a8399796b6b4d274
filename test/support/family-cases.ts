import { casesOf, type FamilyCase, wider } from './family-case.js'
import { KIMI_FAMILY_CASES } from './kimi-family-cases.js'
import { LATENT_FAMILY_CASES } from './latent-family-cases.js'
import { LATER_FAMILY_CASES } from './later-family-cases.js'
import { QWEN_FAMILY_CASES } from './qwen-family-cases.js'
import { ernieForward, gptOssForward, lfm2Forward, smallThinkerForward } from './reference-families.js'

/*
 * Configs of the families that reach every branch of their keys.
 */

const LFM2 = {
  ...{ model_type: 'lfm2_moe', vocab_size: 61, hidden_size: 44, num_hidden_layers: 4, num_attention_heads: 2 },
  ...{ num_key_value_heads: 1, intermediate_size: 36, moe_intermediate_size: 20, num_dense_layers: 1, num_experts: 7 },
  ...{ num_experts_per_tok: 3, layer_types: ['conv', 'full_attention', 'conv', 'conv'], max_position_embeddings: 512 },
}

const HALF = { layer_types: ['full_attention', 'conv', 'full_attention', 'conv'] }

const lfm2 = casesOf(
  LFM2,
  {
    defaults: [{}],
    'two taps, a convolution with biases': [{ conv_L_cache: 2, conv_bias: true }],
    'five taps, gates that are not normalised, a factor': [
      { conv_L_cache: 5, norm_topk_prob: false, routed_scaling_factor: 2.5 },
    ],
    'eight taps, biases, BF16 with float32 routers': [{ conv_L_cache: 8, conv_bias: true }, { isHalf: true }],
    'no dense layer, the default of two absent': [{ num_dense_layers: 0 }],
    'dense layers alone': [{ num_dense_layers: 4 }],
    'more dense layers than layers': [{ num_dense_layers: 9 }],
    'dense layers by default': [{ num_dense_layers: undefined }],
    'no bias of the choice': [{ use_expert_bias: false }],
    'a bias that decides the choice': [{}, { gain: wider(/expert_bias/, 12) }],
    'a normalised choice of unlikely experts with a factor': [
      { routed_scaling_factor: 0.3 },
      { gain: wider(/expert_bias|gate\.weight/, 8) },
    ],
    'an untied head by tie_embedding': [{ tie_embedding: false }],
    'a tied head by tie_embedding, which wins': [{ tie_embedding: true, tie_word_embeddings: false }],
    'an untied head by tie_embedding, which wins': [{ tie_embedding: false, tie_word_embeddings: true }],
    'an untied head by tie_word_embeddings': [{ tie_word_embeddings: false }],
    'attention by full_attn_idxs': [{ layer_types: undefined, full_attn_idxs: [0, 3] }],
    'RoPE by rope_parameters': [{ ...HALF, rope_parameters: { rope_theta: 500, rope_type: 'default' } }],
    'YaRN whose range is truncated': [
      {
        ...HALF,
        rope_theta: 100,
        rope_scaling: { rope_type: 'yarn', factor: 3.3, original_max_position_embeddings: 64 },
      },
    ],
    'a given head size': [{ head_dim: 14 }],
    'convolutions alone': [{ layer_types: ['conv', 'conv', 'conv', 'conv'] }],
    'attention alone, a head for each key': [
      { layer_types: new Array(4).fill('full_attention'), num_key_value_heads: 2 },
    ],
    'every expert of a token': [{ num_experts_per_tok: 7, norm_eps: 1e-2 }],
    'one expert of a token, one layer': [
      { num_experts_per_tok: 1, num_hidden_layers: 1, num_dense_layers: 0, layer_types: ['conv'] },
    ],
    'one expert': [{ num_experts: 1, num_experts_per_tok: 1 }],
  },
  lfm2Forward,
)

const GPT_OSS = {
  ...{ model_type: 'gpt_oss', vocab_size: 61, hidden_size: 40, num_hidden_layers: 3, num_attention_heads: 4 },
  ...{ num_key_value_heads: 2, head_dim: 14, intermediate_size: 20, num_local_experts: 7, num_experts_per_tok: 3 },
  ...{ sliding_window: 5, max_position_embeddings: 512 },
}

const MXFP4 = { hidden_size: 64, intermediate_size: 32, quantization_config: { quant_method: 'mxfp4' } }

const clamped = { gain: wider(/gate_up_proj/, 6) }
const allOf = (type: string) => new Array(3).fill(type)

const gptOss = casesOf(
  GPT_OSS,
  {
    'defaults, products beyond the limit': [{}, clamped],
    'layer types null': [{ layer_types: null, rope_scaling: null }],
    'full attention alone': [{ layer_types: allOf('full_attention'), sliding_window: null }],
    'a window of one token': [{ layer_types: allOf('sliding_attention'), sliding_window: 1 }],
    'a window of two tokens': [
      { layer_types: ['full_attention', 'sliding_attention', 'sliding_attention'], sliding_window: 2 },
    ],
    'a window beyond the text, the default': [{ layer_types: allOf('sliding_attention'), sliding_window: undefined }],
    'no biases of attention': [{ attention_bias: false, num_key_value_heads: 1 }],
    'one expert of a token, one layer': [{ num_experts_per_tok: 1, num_hidden_layers: 1 }, clamped],
    'every expert of a token, an odd width': [
      { num_experts_per_tok: 9, num_local_experts: 9, hidden_size: 33, intermediate_size: 7 },
      clamped,
    ],
    'one expert': [{ num_experts_per_tok: 1, num_local_experts: 1 }],
    'experts of a token by default': [{ num_experts_per_tok: undefined }],
    'heads of 64 by default': [{ head_dim: undefined, num_attention_heads: 2 }],
    'YaRN by rope_parameters': [
      {
        rope_parameters: { rope_theta: 1000, rope_type: 'yarn', factor: 6.4, truncate: true },
        max_position_embeddings: 64,
      },
    ],
    'RoPE without YaRN by rope_parameters': [{ rope_parameters: { rope_theta: 300, rope_type: 'default' } }],
    'a given factor of attention': [
      {
        rope_theta: 1000,
        rope_scaling: { type: 'yarn', factor: 4, attention_factor: 1.25, beta_fast: 4, beta_slow: 2 },
      },
    ],
    'a tied head': [{ tie_word_embeddings: true }, { isHalf: true }],
    'strong sinks': [{}, { gain: wider(/sinks/, 8) }],
    MXFP4: [MXFP4, clamped],
    'MXFP4, other widths, one expert of a token': [
      { ...MXFP4, hidden_size: 96, intermediate_size: 160, num_experts_per_tok: 1, tie_word_embeddings: true },
      { isHalf: true },
    ],
    'MXFP4 of tiny and large weights': [{ ...MXFP4, num_local_experts: 5 }, { scales: [90, 126] }],
    'MXFP4 of weights that are almost zero': [MXFP4, { scales: [0, 20] }],
  },
  gptOssForward,
)

const SMALL_THINKER = {
  ...{ model_type: 'smallthinker', vocab_size: 61, hidden_size: 40, num_hidden_layers: 4, num_attention_heads: 3 },
  ...{ num_key_value_heads: 1, head_dim: 10, moe_ffn_hidden_size: 20, moe_num_primary_experts: 7 },
  ...{ moe_num_active_primary_experts: 3, rope_layout: [1, 1, 0, 0], sliding_window_layout: [1, 0, 1, 0] },
  ...{ sliding_window_size: 4, max_position_embeddings: 512 },
}

const smallThinker = casesOf(
  SMALL_THINKER,
  {
    'windows and positions in other layers, sigmoids': [{}],
    'gates by softmax, an untied head': [{ moe_primary_router_apply_softmax: true, tie_word_embeddings: false }],
    'one expert of a token by sigmoids': [{ moe_num_active_primary_experts: 1 }],
    'one expert of a token by softmax': [{ moe_num_active_primary_experts: 1, moe_primary_router_apply_softmax: true }],
    'every expert of a token': [{ moe_num_active_primary_experts: 7, num_attention_heads: 4, num_key_value_heads: 4 }],
    'routers so sure that sigmoids are 1': [{}, { gain: wider(/router/, 15) }],
    'no window': [{ sliding_window_layout: [0, 0, 0, 0], sliding_window_size: null }],
    'layouts by default': [{ rope_layout: undefined, sliding_window_layout: undefined }],
    'a window by default, heads of 128': [
      { sliding_window_size: undefined, head_dim: undefined, num_attention_heads: 1, rope_theta: 1.5e6 },
    ],
    'a window of one token everywhere, no positions, BF16': [
      { sliding_window_size: 1, sliding_window_layout: [1, 1, 1, 1], rope_layout: [0, 0, 0, 0] },
      { isHalf: true },
    ],
    'a tied head by its key, one layer': [
      { tie_word_embeddings: true, num_hidden_layers: 1, rope_layout: [0], sliding_window_layout: [1] },
    ],
    'odd widths': [{ hidden_size: 37, moe_ffn_hidden_size: 9 }],
  },
  smallThinkerForward,
)

const ERNIE = {
  ...{ model_type: 'ernie4_5_moe', vocab_size: 61, hidden_size: 40, num_hidden_layers: 5, num_attention_heads: 4 },
  ...{ num_key_value_heads: 2, intermediate_size: 36, moe_intermediate_size: 20, moe_num_experts: 7, moe_k: 3 },
  ...{ max_position_embeddings: 512 },
}

const ernie = casesOf(
  ERNIE,
  {
    'two shared experts, a dense first layer': [{}],
    'experts in every second layer': [{ moe_layer_interval: 2, moe_layer_start_index: 0 }],
    'experts in every third layer, one shared': [{ moe_layer_interval: 3, moe_num_shared_experts: 1 }],
    'experts from a layer to another, three shared': [
      { moe_layer_start_index: 2, moe_layer_end_index: 3, moe_num_shared_experts: 3, tie_word_embeddings: false },
    ],
    'experts in all layers, none shared': [{ moe_layer_start_index: 0, moe_num_shared_experts: 0 }, { isHalf: true }],
    'an end beyond the last layer, a given head size': [{ moe_layer_end_index: 40, head_dim: 14 }],
    'no experts': [{ moe_layer_start_index: 3, moe_layer_end_index: 2 }],
    'a head size of null, one expert of a token': [{ head_dim: null, moe_k: 1 }],
    'every expert of a token, a bias that decides nothing': [{ moe_k: 7 }],
    'a bias that decides the choice': [{}, { gain: wider(/correction_bias/, 20) }],
    'unlikely experts, whose gates have a floor': [
      { moe_norm_min: 0.4 },
      { gain: (key) => (key.endsWith('correction_bias') ? 20 : key.endsWith('mlp.gate.weight') ? 3 : 1) },
    ],
    'RoPE by rope_parameters, an odd width': [
      { rope_parameters: { rope_theta: 300 }, hidden_size: 45, head_dim: 6, num_key_value_heads: 4 },
    ],
  },
  ernieForward,
)

export const FAMILY_CASES: readonly FamilyCase[] = [
  ...lfm2,
  ...gptOss,
  ...smallThinker,
  ...ernie,
  ...LATER_FAMILY_CASES,
  ...LATENT_FAMILY_CASES,
  ...KIMI_FAMILY_CASES,
  ...QWEN_FAMILY_CASES,
]
