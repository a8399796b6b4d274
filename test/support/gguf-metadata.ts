import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { f32, flag, type GgufValue, list, text, u32 } from './gguf-writer.js'

/*
 * Metadata of a GGUF file as llama.cpp's convert_hf_to_gguf.py makes it from config.json and the tokenizer's files: in
 * its order, and without the keys that it does not write.
 */

type Config = Record<string, unknown>

/** Names of llama.cpp's architectures, by model_type. */
export const ARCHITECTURES: Readonly<Record<string, string>> = {
  mixtral: 'llama',
  granitemoe: 'granitemoe',
  granitemoeshared: 'granitemoe',
  olmoe: 'olmoe',
  qwen2_moe: 'qwen2moe',
  qwen3_moe: 'qwen3moe',
  gpt_oss: 'gpt-oss',
  lfm2_moe: 'lfm2moe',
  smallthinker: 'smallthinker',
  ernie4_5_moe: 'ernie4_5-moe',
}

/** Metadata of a model. `fileType` is llama.cpp's number of the mix: 0 F32, 1 F16, 2 Q4_0, 15 Q4_K_M and so on. */
export function ggufMetadata(config: Config, fileType: number): Map<string, GgufValue> {
  const arch = ARCHITECTURES[String(config.model_type)]
  const out = new Map<string, GgufValue>([
    ['general.architecture', text(arch)],
    ['general.type', text('model')],
    ['general.name', text('A Model of Tests')],
  ])
  const add = (key: string, value: GgufValue) => out.set(`${arch}.${key}`, value)
  const number = (key: string, value: unknown) => value != null && add(key, u32(Number(value)))
  const float = (key: string, value: unknown) => value != null && add(key, f32(Number(value)))

  number('block_count', config.num_hidden_layers)
  number('context_length', config.max_position_embeddings)
  number('embedding_length', config.hidden_size)
  number('feed_forward_length', config.intermediate_size)
  number('attention.head_count', config.num_attention_heads)
  if (config.model_type === 'lfm2_moe') {
    const types = config.layer_types as string[]
    const heads = types.map((type) => (type === 'full_attention' ? Number(config.num_key_value_heads) : 0))
    add('attention.head_count_kv', list('i32', heads))
  } else {
    number('attention.head_count_kv', config.num_key_value_heads)
  }
  addRope(config, add)
  float('attention.layer_norm_rms_epsilon', config.rms_norm_eps ?? config.norm_eps)
  number('expert_count', config.num_local_experts ?? config.num_experts)
  number('expert_used_count', config.num_experts_per_tok)
  number('attention.key_length', config.head_dim)
  number('attention.value_length', config.head_dim)
  out.set('general.file_type', u32(fileType))
  addOfFamily(config, number, float)
  out.set('general.quantization_version', u32(2))
  return out
}

function addRope(config: Config, add: (key: string, value: GgufValue) => void): void {
  const rope = (config.rope_parameters ?? config.rope_scaling ?? {}) as Config
  const type = rope.rope_type ?? rope.type
  if (type === 'yarn') {
    add('rope.scaling.type', text('yarn'))
    add('rope.scaling.factor', f32(Number(rope.factor)))
    add('rope.scaling.original_context_length', u32(Number(rope.original_max_position_embeddings)))
    const factors: [string, unknown][] = [
      ['attn_factor', rope.attention_factor],
      ['beta_fast', rope.beta_fast],
      ['beta_slow', rope.beta_slow],
    ]
    for (const [key, value] of factors) if (value != null) add(`rope.scaling.yarn_${key}`, f32(Number(value)))
  }
  const theta = rope.rope_theta ?? config.rope_theta
  if (theta != null) add('rope.freq_base', f32(Number(theta)))
}

/** Adds the keys of each family's own converter. */
function addOfFamily(
  config: Config,
  number: (key: string, value: unknown) => unknown,
  float: (key: string, value: unknown) => unknown,
): void {
  const heads = Number(config.num_attention_heads)
  const ropeDimensions = () => {
    number('vocab_size', config.vocab_size)
    number('rope.dimension_count', config.head_dim ?? Number(config.hidden_size) / heads)
  }
  switch (config.model_type) {
    case 'mixtral':
      ropeDimensions()
      return
    case 'granitemoe':
    case 'granitemoeshared':
      ropeDimensions()
      float('attention.scale', config.attention_multiplier)
      float('embedding_scale', config.embedding_multiplier)
      float('residual_scale', config.residual_multiplier)
      float('logit_scale', config.logits_scaling)
      number('expert_shared_feed_forward_length', config.shared_intermediate_size)
      return
    case 'olmoe':
      float('attention.layer_norm_rms_epsilon', 1e-5)
      return
    case 'qwen2_moe':
    case 'qwen3_moe':
      number('expert_feed_forward_length', config.moe_intermediate_size)
      number('expert_shared_feed_forward_length', config.shared_expert_intermediate_size)
      return
    case 'gpt_oss':
      number('attention.sliding_window', config.sliding_window)
      number('expert_feed_forward_length', config.intermediate_size)
      return
    case 'lfm2_moe':
      number('expert_feed_forward_length', config.moe_intermediate_size)
      number('leading_dense_block_count', config.num_dense_layers)
      number('expert_gating_func', 2)
      number('vocab_size', config.vocab_size)
      number('shortconv.l_cache', config.conv_L_cache)
      return
    case 'smallthinker':
      number('expert_count', config.moe_num_primary_experts)
      number('expert_used_count', config.moe_num_active_primary_experts)
      number('expert_feed_forward_length', config.moe_ffn_hidden_size)
      number('feed_forward_length', config.moe_ffn_hidden_size)
      number('expert_gating_func', config.moe_primary_router_apply_softmax ? 1 : 2)
      if ((config.sliding_window_layout as number[]).some((n) => n !== 0)) {
        number('attention.sliding_window', config.sliding_window_size)
      }
      return
    case 'ernie4_5_moe': {
      number('expert_count', config.moe_num_experts)
      number('expert_used_count', config.moe_k)
      number('interleave_moe_layer_step', config.moe_layer_interval)
      number('leading_dense_block_count', config.moe_layer_start_index)
      number('expert_feed_forward_length', config.moe_intermediate_size)
      number('expert_shared_count', config.moe_num_shared_experts)
      // The converter divides by the number of key-value heads, which is right for the published models alone.
      const shared = Math.floor(Number(config.intermediate_size) / Number(config.num_key_value_heads))
      if (Number(config.moe_num_shared_experts) > 0) number('expert_shared_feed_forward_length', shared)
    }
  }
}

/** Kinds of tokens. */
const [NORMAL, CONTROL, USER_DEFINED, UNUSED] = [1, 3, 4, 5]

/** Metadata of the tokenizer of a folder, or of a stub if it has none. */
export function tokenizerMetadata(folder: string, config: Config, pre: string): Map<string, GgufValue> {
  const vocabSize = Number(config.vocab_size)
  const path = join(folder, 'tokenizer.json')
  if (!existsSync(path)) return stubTokenizer(vocabSize, config)
  const { model, added_tokens = [] } = JSON.parse(readFileSync(path, 'utf8'))
  const tokens = Array.from({ length: vocabSize }, (_, id) => `[PAD${id}]`)
  const types = new Array<number>(vocabSize).fill(UNUSED)
  for (const [token, id] of Object.entries<number>(model.vocab)) {
    tokens[id] = token
    types[id] = NORMAL
  }
  for (const { id, content, special } of added_tokens) {
    tokens[id] = content
    types[id] = special || /^<\|.*\|>$/.test(content) ? CONTROL : USER_DEFINED
  }
  const merges = (model.merges as (string | string[])[]).map((m) => (typeof m === 'string' ? m : m.join(' ')))
  const out = vocabulary(pre, tokens, types, merges)
  const options = join(folder, 'tokenizer_config.json')
  const json = existsSync(options) ? JSON.parse(readFileSync(options, 'utf8')) : {}
  const idOf = (token: unknown) =>
    tokens.indexOf(typeof token === 'string' ? token : ((token as Config)?.content as string))
  for (const kind of ['bos', 'eos', 'unk', 'pad'] as const) {
    const id = json[`${kind}_token`] ? idOf(json[`${kind}_token`]) : Number(config[`${kind}_token_id`] ?? -1)
    if (id >= 0)
      out.set(`tokenizer.ggml.${{ bos: 'bos', eos: 'eos', unk: 'unknown', pad: 'padding' }[kind]}_token_id`, u32(id))
  }
  if (json.add_bos_token != null) out.set('tokenizer.ggml.add_bos_token', flag(json.add_bos_token))
  if (json.chat_template) out.set('tokenizer.chat_template', text(json.chat_template))
  return out
}

/** Tokens of the 256 bytes as far as the vocabulary goes, then words. */
function stubTokenizer(vocabSize: number, config: Config): Map<string, GgufValue> {
  const tokens = Array.from({ length: vocabSize }, (_, id) => (id < 94 ? String.fromCharCode(33 + id) : `word${id}`))
  const special = [config.bos_token_id, config.eos_token_id].map(Number)
  const types = tokens.map((_, id) => (special.includes(id) ? CONTROL : NORMAL))
  const out = vocabulary('gpt-2', tokens, types, ['! "'])
  out.set('tokenizer.ggml.bos_token_id', u32(special[0]))
  out.set('tokenizer.ggml.eos_token_id', u32(special[1]))
  return out
}

function vocabulary(pre: string, tokens: string[], types: number[], merges: string[]): Map<string, GgufValue> {
  return new Map<string, GgufValue>([
    ['tokenizer.ggml.model', text('gpt2')],
    ['tokenizer.ggml.pre', text(pre)],
    ['tokenizer.ggml.tokens', list('text', tokens)],
    ['tokenizer.ggml.token_type', list('i32', types)],
    ['tokenizer.ggml.merges', list('text', merges)],
  ])
}
