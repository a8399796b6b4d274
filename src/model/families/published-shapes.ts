import type { ModelConfig } from '../config/config.js'
import { parseConfig } from './index.js'

/** Keys of MoLM's config.json that differ from the defaults (ibm-research/MoLM-* on the hub). */
const MOLM = {
  model_type: 'moduleformer',
  vocab_size: 50295,
  n_embd: 1024,
  att_hidden: 1024,
  n_head: 1,
  ffd_hidden: 2048,
  n_att_experts: 16,
  n_mlp_experts: 32,
}

/** Keys of Granite 3.1's config.json that differ from the defaults (ibm-granite/granite-3.1-*-instruct). */
const GRANITE = {
  model_type: 'granitemoe',
  vocab_size: 49155,
  num_key_value_heads: 8,
  intermediate_size: 512,
  num_experts_per_tok: 8,
  embedding_multiplier: 12,
  residual_multiplier: 0.22,
  attention_multiplier: 1 / 64,
  logits_scaling: 6,
  max_position_embeddings: 131072,
  tie_word_embeddings: true,
}

/** Mixers of LFM2's layers: attention in every fourth one, but in layer 21 of the smaller model. */
const lfm2Layers = (layers: number, last: number) =>
  Array.from({ length: layers }, (_, l) => (l === last || (l < last && l % 4 === 2) ? 'full_attention' : 'conv'))

/** Keys of Trinity's config.json that differ from the defaults (arcee-ai/Trinity-*). */
const TRINITY = {
  model_type: 'afmoe',
  num_dense_layers: 2,
  num_experts: 128,
  num_experts_per_tok: 8,
  num_shared_experts: 1,
  route_scale: 2.826,
  sliding_window: 2048,
  mup_enabled: true,
  max_position_embeddings: 131072,
}

const MELLUM_LAYERS = Array.from({ length: 28 }, (_, l) => (l % 4 === 3 ? 'full_attention' : 'sliding_attention'))
const MELLUM_ROPE = {
  full_attention: { rope_type: 'yarn', rope_theta: 5e5, factor: 16, original_max_position_embeddings: 8192 },
  sliding_attention: { rope_type: 'default', rope_theta: 5e5 },
}

/** Keys of Granite 4's hybrid mixtures that differ from the defaults (ibm-granite/granite-4.0-h-*). */
const GRANITE_HYBRID = {
  model_type: 'granitemoehybrid',
  vocab_size: 100352,
  num_hidden_layers: 40,
  layer_types: Array.from({ length: 40 }, (_, layer) => (layer % 10 === 5 ? 'attention' : 'mamba')),
  embedding_multiplier: 12,
  residual_multiplier: 0.22,
  attention_multiplier: 1 / 128,
  rms_norm_eps: 1e-5,
  mamba_d_state: 128,
  max_position_embeddings: 131072,
  tie_word_embeddings: true,
  bos_token_id: 100257,
  eos_token_id: 100257,
}

/** Keys of Granite 4 with windows that differ from the defaults (ibm-granite/granite-swash-3b-a600m). */
const GRANITE_SWASH = {
  model_type: 'granitemoe_swa',
  vocab_size: 100352,
  hidden_size: 1280,
  num_hidden_layers: 28,
  num_attention_heads: 20,
  num_key_value_heads: 4,
  intermediate_size: 512,
  num_local_experts: 48,
  num_experts_per_tok: 4,
  shared_intermediate_size: 1280,
  layer_types: Array.from({ length: 28 }, (_, l) => (l % 4 === 3 || l === 0 ? 'full_attention' : 'sliding_attention')),
  embedding_multiplier: 12,
  residual_multiplier: 0.26,
  attention_multiplier: 1 / 64,
  logits_scaling: 5,
  max_position_embeddings: 8192,
  tie_word_embeddings: true,
  bos_token_id: 100257,
  eos_token_id: 100257,
}

/** Keys of DeepSeek's and Moonshot's mixtures of 16 billion parameters. */
const DEEPSEEK_16B = {
  hidden_size: 2048,
  num_hidden_layers: 27,
  num_attention_heads: 16,
  q_lora_rank: null,
  moe_intermediate_size: 1408,
  n_routed_experts: 64,
  num_experts_per_tok: 6,
  n_shared_experts: 2,
  first_k_dense_replace: 1,
}
const DEEPSEEK_ROPE = {
  type: 'yarn',
  factor: 40,
  original_max_position_embeddings: 4096,
  mscale: 707 / 1000,
  mscale_all_dim: 707 / 1000,
}

const SHAPES = {
  '350m-4b': { ...MOLM, n_layer: 24, k_att: 2, k_mlp: 2 },
  '700m-4b': { ...MOLM, n_layer: 24, k_att: 4, k_mlp: 4 },
  '700m-8b': { ...MOLM, n_layer: 48, k_att: 2, k_mlp: 2 },
  'granite-1b-a400m': {
    ...GRANITE,
    hidden_size: 1024,
    num_hidden_layers: 24,
    num_attention_heads: 16,
    num_local_experts: 32,
    rope_theta: 1.5e6,
  },
  'granite-3b-a800m': {
    ...GRANITE,
    hidden_size: 1536,
    num_hidden_layers: 32,
    num_attention_heads: 24,
    num_local_experts: 40,
    rope_theta: 1e7,
  },
  'granite-4.0-h-tiny': {
    ...GRANITE_HYBRID,
    hidden_size: 1536,
    num_attention_heads: 12,
    num_key_value_heads: 4,
    num_local_experts: 64,
    num_experts_per_tok: 6,
    intermediate_size: 512,
    shared_intermediate_size: 1024,
    logits_scaling: 6,
    mamba_n_heads: 48,
  },
  'granite-4.0-h-small': {
    ...GRANITE_HYBRID,
    hidden_size: 4096,
    num_attention_heads: 32,
    num_key_value_heads: 8,
    num_local_experts: 72,
    num_experts_per_tok: 10,
    intermediate_size: 768,
    shared_intermediate_size: 1536,
    logits_scaling: 16,
    mamba_n_heads: 128,
  },
  'granite-swash-3b-a600m': GRANITE_SWASH,
  'olmoe-1b-7b': { model_type: 'olmoe', intermediate_size: 1024 },
  'qwen3-30b-a3b': {
    model_type: 'qwen3_moe',
    num_hidden_layers: 48,
    head_dim: 128,
    norm_topk_prob: true,
    rope_theta: 1e6,
    max_position_embeddings: 40960,
  },
  'qwen3.6-35b-a3b': { model_type: 'qwen3_5_moe_text', rope_theta: 1e7, max_position_embeddings: 262144 },
  'jetmoe-8b': { model_type: 'jetmoe', num_hidden_layers: 24 },
  'lfm2-8b-a1b': { model_type: 'lfm2_moe', num_hidden_layers: 24, layer_types: lfm2Layers(24, 21), eos_token_id: 7 },
  'lfm2.5-8b-a1b': {
    ...{ model_type: 'lfm2_moe', num_hidden_layers: 24, layer_types: lfm2Layers(24, 21), eos_token_id: 7 },
    vocab_size: 131072,
  },
  'lfm2-24b-a2b': {
    model_type: 'lfm2_moe',
    num_hidden_layers: 40,
    intermediate_size: 11776,
    moe_intermediate_size: 1536,
    num_experts: 64,
    layer_types: lfm2Layers(40, 38),
    eos_token_id: 7,
  },
  'ernie-21b-a3b': { model_type: 'ernie4_5_moe' },
  'gpt-oss-20b': {
    model_type: 'gpt_oss',
    num_hidden_layers: 24,
    num_local_experts: 32,
    quantization_config: { quant_method: 'mxfp4' },
    eos_token_id: 200002,
  },
  'emo-1b14b': {
    model_type: 'emo',
    hidden_size: 2048,
    num_hidden_layers: 16,
    num_attention_heads: 16,
    intermediate_size: 1024,
    num_experts: 128,
    num_experts_per_tok: 8,
    num_shared_experts: 1,
  },
  'smallthinker-4b': { model_type: 'smallthinker', rope_theta: 1.5e6, eos_token_id: [151643, 151645] },
  'mellum2-12b': {
    model_type: 'mellum',
    layer_types: MELLUM_LAYERS,
    rope_parameters: MELLUM_ROPE,
    bos_token_id: 0,
    eos_token_id: 28,
  },
  'gemma4-26b-a4b': {
    model_type: 'gemma4_text',
    hidden_size: 2816,
    intermediate_size: 2112,
    num_attention_heads: 16,
    num_key_value_heads: 8,
    num_global_key_value_heads: 2,
    attention_k_eq_v: true,
    sliding_window: 1024,
    enable_moe_block: true,
    hidden_size_per_layer_input: 0,
    num_experts: 128,
    top_k_experts: 8,
    moe_intermediate_size: 704,
    final_logit_softcapping: 30,
    max_position_embeddings: 262144,
    eos_token_id: [1, 106],
  },
  'deepseek-v2-lite': {
    ...{ ...DEEPSEEK_16B, model_type: 'deepseek_v2', vocab_size: 102400, intermediate_size: 10944 },
    rope_scaling: DEEPSEEK_ROPE,
    max_position_embeddings: 163840,
    bos_token_id: 100000,
    eos_token_id: 100001,
  },
  'moonlight-16b-a3b': {
    ...{ ...DEEPSEEK_16B, model_type: 'deepseek_v3', vocab_size: 163840, intermediate_size: 11264 },
    n_group: 1,
    topk_group: 1,
    routed_scaling_factor: 2.446,
    rms_norm_eps: 1e-5,
    rope_theta: 50000,
    max_position_embeddings: 8192,
    bos_token_id: 163584,
    eos_token_id: 163586,
  },
  'glm-4.7-flash': { model_type: 'glm4_moe_lite', rope_theta: 1e6 },
  'ling-mini-2.0': { model_type: 'bailing_moe_v2', partial_rotary_factor: 0.5, routed_scaling_factor: 2.5 },
  'ling-3.0-tiny': {
    model_type: 'bailing_hybrid',
    architectures: ['BailingMoeV3ForCausalLM'],
    hidden_size: 1536,
    num_hidden_layers: 24,
    num_attention_heads: 16,
    layer_group_size: 4,
    q_lora_rank: 256,
    gated_attention_proj_granularity_type: 'head_wise',
    intermediate_size: 4608,
    moe_intermediate_size: 512,
    moe_shared_expert_intermediate_size: 512,
    num_experts: 128,
    first_k_dense_replace: 1,
    eos_token_id: 156895,
  },
  'kimi-linear-48b-a3b': {
    model_type: 'kimi_linear',
    layer_types: Array.from({ length: 27 }, (_, l) => (l % 4 === 3 || l === 26 ? 'full_attention' : 'kda_attention')),
    bos_token_id: 163584,
    eos_token_id: 163586,
  },
  'trinity-nano': {
    ...TRINITY,
    hidden_size: 1024,
    num_hidden_layers: 56,
    num_attention_heads: 8,
    num_key_value_heads: 2,
    intermediate_size: 3072,
    moe_intermediate_size: 256,
  },
  'trinity-mini': { ...TRINITY, num_attention_heads: 32, num_key_value_heads: 4, moe_intermediate_size: 1024 },
  'zaya1-8b': { model_type: 'zaya' },
  'mixtral-8x7b': { model_type: 'mixtral', max_position_embeddings: 32768 },
} as const

export type PublishedShape = keyof typeof SHAPES
export const PUBLISHED_SHAPES = Object.keys(SHAPES) as PublishedShape[]

export function publishedShape(name: PublishedShape): ModelConfig {
  return parseConfig(SHAPES[name], `shape ${name}`)
}
