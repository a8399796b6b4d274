// Metadata and tensors of the models that llama.cpp has as well, for bench/make-gguf.mjs.
import { FORMATS } from './gguf-file.mjs'

/** llama.cpp's architecture, by the model type of a config. */
const NAMES = {
  granitemoe: 'granitemoe',
  granitemoehybrid: 'granitehybrid',
  granitemoe_swa: 'granite_swa',
  olmoe: 'olmoe',
  qwen3_moe: 'qwen3moe',
  qwen3_5_moe: 'qwen35moe',
  mixtral: 'llama',
  lfm2_moe: 'lfm2moe',
  gpt_oss: 'gpt-oss',
  smallthinker: 'smallthinker',
  mellum: 'mellum',
  afmoe: 'afmoe',
}

/** Id of a router whose scores are sigmoids. */
const SIGMOID = 2

/** Families that normalise each head of queries and keys. */
const HEAD_NORMS = ['lfm2_moe', 'qwen3_moe', 'qwen3_5_moe', 'mellum', 'afmoe']

/** Families whose norm before the experts has the name of one after attention. */
const POST_ATTENTION = ['gpt_oss', 'qwen3_5_moe']

/** Sizes of weights: of matrices, and of those whose outputs a block adds to the residual stream. */
const [INNER, OUTPUT] = [0.03, 0.003]

export function architectureOf({ modelType }) {
  const name = NAMES[modelType]
  if (!name) throw new Error(`llama.cpp has no ${modelType}`)
  return name
}

/** The kind of a layer's mixer. */
function mixerOf({ layerTypes }, layer) {
  const type = layerTypes?.[layer]
  return ['conv', 'mamba', 'linear_attention'].includes(type) ? type : 'attention'
}

/** Writes the metadata of a config. */
export function describe(config, metadata) {
  const arch = architectureOf(config)
  const integer = (key, value) => metadata.integer(`${arch}.${key}`, value)
  const float = (key, value) => metadata.float(`${arch}.${key}`, value)
  const { ffnHidden, denseHidden, sharedHidden } = config
  const [{ experts, topK, routing = {} }] = config.mixtures
  const window = Math.max(...config.windows)
  integer('vocab_size', config.vocabSize)
  integer('context_length', 8192)
  integer('embedding_length', config.width)
  integer('block_count', config.layers)
  integer('feed_forward_length', experts.includes(0) ? denseHidden : ffnHidden)
  integer('attention.head_count', config.heads)
  integer('attention.key_length', config.headSize)
  integer('attention.value_length', config.headSize)
  float('attention.layer_norm_rms_epsilon', config.epsilon)
  // Which layers have a window follows from the family.
  if (window > 0) integer('attention.sliding_window', window)
  integer('expert_count', Math.max(...experts))
  integer('expert_used_count', topK)
  integer('expert_feed_forward_length', ffnHidden)
  if (sharedHidden > 0) integer('expert_shared_feed_forward_length', sharedHidden)
  if (experts[0] === 0) integer('leading_dense_block_count', experts.lastIndexOf(0) + 1)
  if (routing.score === 'sigmoid') integer('expert_gating_func', SIGMOID)
  describeRotation(config, { arch, integer, float, metadata })
  describeFamily(config, { arch, integer, float, metadata })
}

function describeRotation({ ropes, raw, headSize, modelType }, { arch, integer, float, metadata }) {
  // Layers with a window may turn without a scaling, which follows from the family.
  const rope = ropes.find((rope) => rope?.scaling.type === 'yarn') ?? ropes.find((rope) => rope)
  integer('rope.dimension_count', headSize * (rope?.share ?? 1))
  float('rope.freq_base', rope?.theta ?? raw.rope_theta)
  if (modelType === 'granitemoehybrid') metadata.flag(`${arch}.rope.scaling.finetuned`, rope !== undefined)
  if (rope?.scaling.type !== 'yarn') return
  metadata.string(`${arch}.rope.scaling.type`, 'yarn')
  float('rope.scaling.factor', rope.scaling.factor)
  integer('rope.scaling.original_context_length', rope.scaling.original)
}

/** Writes what only some families have. */
function describeFamily(config, { arch, integer, float, metadata }) {
  const { raw, modelType, layers, keyValueHeads, sharedHidden, ffnHidden, mamba, delta } = config
  if (['lfm2_moe', 'granitemoehybrid'].includes(modelType)) {
    // Layers without keys have another mixer.
    const heads = Array.from({ length: layers }, (_, l) => (mixerOf(config, l) === 'attention' ? keyValueHeads : 0))
    metadata.integers(`${arch}.attention.head_count_kv`, heads)
  } else {
    integer('attention.head_count_kv', keyValueHeads)
  }
  if (modelType.startsWith('granitemoe')) {
    float('embedding_scale', raw.embedding_multiplier)
    float('residual_scale', raw.residual_multiplier)
    float('attention.scale', raw.attention_multiplier)
    float('logit_scale', raw.logits_scaling)
  }
  if (modelType === 'granitemoe_swa') {
    metadata.integers(
      `${arch}.attention.sliding_window_pattern`,
      config.windows.map((window) => Number(window > 0)),
    )
  }
  if (modelType === 'lfm2_moe') integer('shortconv.l_cache', config.taps)
  if (modelType === 'afmoe') {
    integer('expert_shared_count', sharedHidden / ffnHidden)
    float('expert_weights_scale', config.mixtures[0].routing.factor)
    metadata.flag(`${arch}.expert_weights_norm`, true)
  }
  if (modelType === 'qwen3_5_moe') metadata.integers(`${arch}.rope.dimension_sections`, [11, 11, 10, 0])
  const state = mamba ?? delta
  if (!state) return
  integer('ssm.conv_kernel', state.taps)
  integer('ssm.inner_size', state.heads * (mamba?.headSize ?? delta.valueSize))
  integer('ssm.state_size', mamba?.stateSize ?? delta.keySize)
  integer('ssm.time_step_rank', state.heads)
  integer('ssm.group_count', mamba?.groups ?? delta.keyHeads)
}

/**
 * The tensors of a config, with weights of the size of trained ones. Embeddings are large and the outputs of blocks
 * small, so that random routers spread tokens evenly over the experts and the residual stream stays small.
 * `experts` is the format of experts; other matrices are Q4_0, norms, routers and what decides on states F32.
 */
export function tensorsOf(config, experts) {
  const { modelType, vocabSize: V, width: D, layers, ffnHidden: F, sharedHidden: S, denseHidden } = config
  const [{ experts: counts, routing }] = config.mixtures
  const { F32, Q4_0 } = FORMATS
  const tensors = []
  const add = (name, dims, format, size) => tensors.push({ name, dims, format, size })
  const lastNorm = modelType === 'lfm2_moe' ? 'token_embd_norm' : 'output_norm'
  add('token_embd.weight', [D, V], Q4_0, 1)
  add(`${lastNorm}.weight`, [D], F32, 1)
  if (!config.tieWordEmbeddings) add('output.weight', [D, V], Q4_0, INNER)
  for (let l = 0; l < layers; l++) {
    const block = {
      floats: (name, dims, size) => add(`blk.${l}.${name}`, dims, F32, size),
      norm: (name, size) => add(`blk.${l}.${name}.weight`, [size], F32, 1),
      product(name, dims, format = Q4_0, size = INNER) {
        add(`blk.${l}.${name}.weight`, dims, format, size)
        if (modelType === 'gpt_oss') add(`blk.${l}.${name}.bias`, dims.slice(1), F32, 0.01)
      },
    }
    const { floats, norm, product } = block
    const gated = (ending, hidden) => {
      product(`ffn_gate${ending}`, [D, hidden])
      product(`ffn_up${ending}`, [D, hidden])
      product(`ffn_down${ending}`, [hidden, D], Q4_0, OUTPUT)
    }
    norm('attn_norm', D)
    MIXERS[mixerOf(config, l)](config, block)
    norm(POST_ATTENTION.includes(modelType) ? 'post_attention_norm' : 'ffn_norm', D)
    if (modelType === 'afmoe') for (const name of ['post_attention_norm', 'post_ffw_norm']) norm(name, D)
    const E = counts[l]
    if (E === 0) {
      gated('', denseHidden)
      continue
    }
    product('ffn_gate_inp', [D, E], F32)
    if (routing?.selectionBias) floats('exp_probs_b.bias', [E], 0)
    product('ffn_gate_exps', [D, F, E], experts)
    product('ffn_up_exps', [D, F, E], experts)
    product('ffn_down_exps', [F, D, E], experts, OUTPUT)
    if (modelType === 'granitemoe_swa') {
      product('ffn_up_shexp', [D, 2 * S])
      product('ffn_down_shexp', [S, D], Q4_0, OUTPUT)
    } else if (S > 0) gated('_shexp', S)
    if (modelType === 'qwen3_5_moe') floats('ffn_gate_inp_shexp.weight', [D], INNER)
  }
  return tensors
}

/** The tensors of each kind of mixer. */
const MIXERS = {
  attention({ modelType, width: D, heads: H, keyValueHeads: K, headSize }, { floats, norm, product }) {
    // Each head of Qwen3.5 has its gate behind its query.
    product('attn_q', [D, (modelType === 'qwen3_5_moe' ? 2 : 1) * H * headSize])
    product('attn_k', [D, K * headSize])
    product('attn_v', [D, K * headSize])
    if (modelType === 'afmoe') product('attn_gate', [D, H * headSize])
    product('attn_output', [H * headSize, D], FORMATS.Q4_0, OUTPUT)
    const normed = modelType === 'olmoe' ? H * headSize : headSize
    if (modelType === 'olmoe' || HEAD_NORMS.includes(modelType)) {
      for (const name of ['attn_q_norm', 'attn_k_norm']) norm(name, normed)
    }
    if (['gpt_oss', 'granitemoe_swa'].includes(modelType)) floats('attn_sinks.weight', [H], 1)
  },

  conv({ width: D, taps }, { floats, product }) {
    floats('shortconv.conv.weight', [taps, D], 1)
    product('shortconv.in_proj', [D, 3 * D])
    product('shortconv.out_proj', [D, D], FORMATS.Q4_0, OUTPUT)
  },

  mamba({ width: D, mamba }, { floats, product }) {
    const { heads, headSize, groups, stateSize, taps } = mamba
    const inner = heads * headSize
    const channels = inner + 2 * groups * stateSize
    product('ssm_in', [D, inner + channels + heads])
    floats('ssm_conv1d.weight', [taps, channels], 0.5)
    floats('ssm_conv1d.bias', [channels], 0)
    decay(floats, heads, [1, heads])
    floats('ssm_d', [1, heads], 1)
    floats('ssm_norm.weight', [inner / groups, groups], 1)
    product('ssm_out', [inner, D], FORMATS.Q4_0, OUTPUT)
  },

  linear_attention({ width: D, delta }, { floats, norm, product }) {
    const { keyHeads, heads, keySize, valueSize, taps } = delta
    const [inner, mixed] = [heads * valueSize, 2 * keyHeads * keySize + heads * valueSize]
    product('attn_qkv', [D, mixed])
    product('attn_gate', [D, inner])
    floats('ssm_conv1d.weight', [taps, mixed], 0.5)
    decay(floats, heads, [heads])
    for (const name of ['ssm_beta', 'ssm_alpha']) product(name, [D, heads], FORMATS.F32)
    norm('ssm_norm', valueSize)
    product('ssm_out', [inner, D], FORMATS.Q4_0, OUTPUT)
  },
}

/** States lose about an eighth with each token, softplus(-2) times a rate of 1, so that they stay finite. */
function decay(floats, heads, dims) {
  floats('ssm_dt.bias', [heads], -2)
  floats('ssm_a', dims, -1)
}
