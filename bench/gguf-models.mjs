// Metadata and tensors of the models that llama.cpp has as well, for bench/make-gguf.mjs.
import { FORMATS } from './gguf-file.mjs'

/** llama.cpp's architecture, by the model type of config.json. */
const NAMES = {
  granitemoe: 'granitemoe',
  olmoe: 'olmoe',
  qwen3_moe: 'qwen3moe',
  mixtral: 'llama',
  lfm2_moe: 'lfm2moe',
  gpt_oss: 'gpt-oss',
  smallthinker: 'smallthinker',
}

/** Id of a router whose scores are sigmoids. */
const SIGMOID = 2

export function architectureOf({ modelType }) {
  const name = NAMES[modelType]
  if (!name) throw new Error(`llama.cpp has no ${modelType}`)
  return name
}

/** Writes the metadata of a config. */
export function describe(config, metadata) {
  const { raw, modelType, vocabSize, width, layers, heads, keyValueHeads, headSize, ffnHidden, epsilon, rope } = config
  const arch = architectureOf(config)
  const integer = (key, value) => metadata.integer(`${arch}.${key}`, value)
  const float = (key, value) => metadata.float(`${arch}.${key}`, value)
  const [{ experts, topK }] = config.mixtures
  integer('vocab_size', vocabSize)
  integer('context_length', 8192)
  integer('embedding_length', width)
  integer('block_count', layers)
  integer('feed_forward_length', modelType === 'lfm2_moe' ? raw.intermediate_size : ffnHidden)
  integer('attention.head_count', heads)
  if (modelType !== 'lfm2_moe') integer('attention.head_count_kv', keyValueHeads)
  integer('attention.key_length', headSize)
  integer('attention.value_length', headSize)
  integer('rope.dimension_count', headSize)
  float('rope.freq_base', rope.theta)
  float('attention.layer_norm_rms_epsilon', epsilon)
  integer('expert_count', Math.max(...experts))
  integer('expert_used_count', topK)
  switch (modelType) {
    case 'granitemoe':
      float('embedding_scale', raw.embedding_multiplier)
      float('residual_scale', raw.residual_multiplier)
      float('attention.scale', raw.attention_multiplier)
      float('logit_scale', raw.logits_scaling)
      break
    case 'qwen3_moe':
      integer('expert_feed_forward_length', ffnHidden)
      break
    case 'smallthinker':
      integer('expert_feed_forward_length', ffnHidden)
      integer('expert_gating_func', SIGMOID)
      break
    case 'lfm2_moe':
      integer('expert_feed_forward_length', ffnHidden)
      integer('expert_gating_func', SIGMOID)
      integer('leading_dense_block_count', raw.num_dense_layers)
      integer('shortconv.l_cache', raw.conv_L_cache)
      // A layer without keys is a convolution.
      metadata.integers(
        `${arch}.attention.head_count_kv`,
        raw.layer_types.map((type) => (type === 'conv' ? 0 : keyValueHeads)),
      )
      break
    case 'gpt_oss':
      integer('expert_feed_forward_length', ffnHidden)
      integer('attention.sliding_window', raw.sliding_window)
      metadata.string(`${arch}.rope.scaling.type`, 'yarn')
      float('rope.scaling.factor', 32)
      integer('rope.scaling.original_context_length', 4096)
      break
  }
}

/**
 * The tensors of a config, with weights of the size of trained ones. Embeddings are large and the outputs of blocks
 * small, so that random routers spread tokens evenly over the experts. `experts` is the format of experts; other
 * matrices are Q4_0, norms and routers F32.
 */
export function tensorsOf(config, experts) {
  const { raw, modelType, vocabSize: V, width: D, layers, heads: H, keyValueHeads: K, headSize, ffnHidden: F } = config
  const counts = config.mixtures[0].experts
  const { F32, Q4_0 } = FORMATS
  const tensors = []
  const add = (name, dims, format, size) => tensors.push({ name, dims, format, size })
  const lastNorm = modelType === 'lfm2_moe' ? 'token_embd_norm' : 'output_norm'
  const hasBias = modelType === 'gpt_oss'
  const hasHeadNorms = ['lfm2_moe', 'qwen3_moe'].includes(modelType)
  add('token_embd.weight', [D, V], Q4_0, 1)
  add(`${lastNorm}.weight`, [D], F32, 1)
  if (!config.tieWordEmbeddings) add('output.weight', [D, V], Q4_0, 0.03)
  for (let l = 0; l < layers; l++) {
    const norm = (name, size) => add(`blk.${l}.${name}.weight`, [size], F32, 1)
    const product = (name, dims, format = Q4_0, size = 0.03) => {
      add(`blk.${l}.${name}.weight`, dims, format, size)
      if (hasBias) add(`blk.${l}.${name}.bias`, dims.slice(1), F32, 0.01)
    }
    norm('attn_norm', D)
    if (modelType === 'lfm2_moe' && raw.layer_types[l] === 'conv') {
      add(`blk.${l}.shortconv.conv.weight`, [raw.conv_L_cache, D], F32, 1)
      product('shortconv.in_proj', [D, 3 * D])
      product('shortconv.out_proj', [D, D], Q4_0, 0.003)
    } else {
      product('attn_q', [D, H * headSize])
      product('attn_k', [D, K * headSize])
      product('attn_v', [D, K * headSize])
      product('attn_output', [H * headSize, D], Q4_0, 0.003)
      if (modelType === 'olmoe') for (const name of ['attn_q_norm', 'attn_k_norm']) norm(name, H * headSize)
      if (hasHeadNorms) for (const name of ['attn_q_norm', 'attn_k_norm']) norm(name, headSize)
      if (modelType === 'gpt_oss') norm('attn_sinks', H)
    }
    norm(modelType === 'gpt_oss' ? 'post_attention_norm' : 'ffn_norm', D)
    const E = counts[l]
    if (E === 0) {
      const dense = raw.intermediate_size
      product('ffn_gate', [D, dense])
      product('ffn_up', [D, dense])
      product('ffn_down', [dense, D], Q4_0, 0.003)
      continue
    }
    product('ffn_gate_inp', [D, E], F32, 0.03)
    if (modelType === 'lfm2_moe') add(`blk.${l}.exp_probs_b.bias`, [E], F32, 0)
    product('ffn_gate_exps', [D, F, E], experts)
    product('ffn_up_exps', [D, F, E], experts)
    product('ffn_down_exps', [F, D, E], experts, 0.003)
  }
  return tensors
}
