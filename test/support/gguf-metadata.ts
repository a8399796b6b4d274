import { f32, flag, type GgufValue, list, text, u32 } from './gguf-writer.js'

/*
 * Metadata of a GGUF file as llama.cpp's convert_hf_to_gguf.py makes it from config.json, without the keys that it does
 * not write.
 */

export type Config = Record<string, unknown>

/** Pairs of a key in GGUF and one in config.json, `KEY:KEY`. */
const pairs = (keys: string) => keys.split(' ').map((pair) => pair.split(':') as [key: string, source: string])

/** Keys of every family. A later one wins. */
const NUMBERS = pairs(
  'block_count:num_hidden_layers context_length:max_position_embeddings embedding_length:hidden_size ' +
    'feed_forward_length:intermediate_size attention.head_count:num_attention_heads ' +
    'attention.head_count_kv:num_key_value_heads expert_count:num_experts expert_count:num_local_experts ' +
    'expert_used_count:num_experts_per_tok attention.key_length:head_dim attention.value_length:head_dim',
)
const FLOATS = pairs('attention.layer_norm_rms_epsilon:rms_norm_eps attention.layer_norm_rms_epsilon:norm_eps')

const VOCABULARY = 'vocab_size:vocab_size'
const MOE_WIDTH = 'expert_feed_forward_length:moe_intermediate_size'
const QWEN = `${MOE_WIDTH} expert_shared_feed_forward_length:shared_expert_intermediate_size`
const DELTA =
  'ssm.conv_kernel:linear_conv_kernel_dim ssm.state_size:linear_key_head_dim ssm.group_count:linear_num_key_heads ' +
  'ssm.time_step_rank:linear_num_value_heads'
const GRANITE = `${VOCABULARY} expert_shared_feed_forward_length:shared_intermediate_size`
const MULTIPLIERS =
  'attention.scale:attention_multiplier embedding_scale:embedding_multiplier residual_scale:residual_multiplier ' +
  'logit_scale:logits_scaling'

interface Family {
  /** llama.cpp's name of the architecture. */
  architecture: string
  numbers?: string
  floats?: string
}

const GROUPED =
  `${MOE_WIDTH} expert_shared_count:n_shared_experts expert_shared_count:num_shared_experts ` +
  'leading_dense_block_count:first_k_dense_replace expert_group_count:n_group expert_group_used_count:topk_group'
const GATES = 'expert_weights_scale:routed_scaling_factor'
const LATENT =
  `${GROUPED} ${VOCABULARY} expert_count:n_routed_experts attention.q_lora_rank:q_lora_rank ` +
  'attention.kv_lora_rank:kv_lora_rank rope.dimension_count:qk_rope_head_dim'
const DEEPSEEK: Family = { architecture: 'deepseek2', numbers: LATENT, floats: GATES }

/** By model_type: what each family's own converter adds. */
const FAMILIES: Readonly<Record<string, Family>> = {
  mixtral: { architecture: 'llama', numbers: VOCABULARY },
  granitemoe: { architecture: 'granitemoe', numbers: GRANITE, floats: MULTIPLIERS },
  granitemoeshared: { architecture: 'granitemoe', numbers: GRANITE, floats: MULTIPLIERS },
  granitemoehybrid: {
    architecture: 'granitehybrid',
    numbers:
      `${GRANITE} ssm.conv_kernel:mamba_d_conv ssm.state_size:mamba_d_state ssm.group_count:mamba_n_groups ` +
      'ssm.time_step_rank:mamba_n_heads',
    floats: MULTIPLIERS,
  },
  nemotron_h: {
    architecture: 'nemotron_h_moe',
    numbers:
      `${MOE_WIDTH} ${VOCABULARY} expert_count:n_routed_experts expert_group_count:n_group ` +
      'expert_shared_feed_forward_length:moe_shared_expert_intermediate_size expert_shared_count:n_shared_experts ' +
      'ssm.conv_kernel:conv_kernel ssm.state_size:ssm_state_size ssm.group_count:n_groups ' +
      'ssm.time_step_rank:mamba_num_heads',
    floats: `${GATES} attention.layer_norm_rms_epsilon:layer_norm_epsilon`,
  },
  granitemoe_swa: {
    architecture: 'granite_swa',
    numbers: `${GRANITE} attention.sliding_window:sliding_window`,
    floats: MULTIPLIERS,
  },
  olmoe: { architecture: 'olmoe' },
  qwen2_moe: { architecture: 'qwen2moe', numbers: QWEN },
  qwen3_moe: { architecture: 'qwen3moe', numbers: QWEN },
  qwen3_next: { architecture: 'qwen3next', numbers: `${QWEN} ${DELTA}` },
  qwen3_5_moe_text: { architecture: 'qwen35moe', numbers: `${QWEN} ${DELTA}` },
  mellum: { architecture: 'mellum', numbers: `${MOE_WIDTH} attention.sliding_window:sliding_window` },
  afmoe: {
    architecture: 'afmoe',
    numbers:
      `${MOE_WIDTH} expert_shared_count:num_shared_experts leading_dense_block_count:num_dense_layers ` +
      'attention.sliding_window:sliding_window expert_group_count:n_group',
    floats: 'expert_weights_scale:route_scale',
  },
  laguna: {
    architecture: 'laguna',
    numbers: `${QWEN} ${VOCABULARY} attention.sliding_window:sliding_window`,
    floats: 'expert_weights_scale:moe_routed_scaling_factor',
  },
  gemma4_text: {
    architecture: 'gemma4',
    numbers:
      `${MOE_WIDTH} expert_used_count:top_k_experts attention.sliding_window:sliding_window ` +
      'attention.key_length:global_head_dim attention.value_length:global_head_dim ' +
      'attention.key_length_swa:head_dim attention.value_length_swa:head_dim rope.dimension_count:global_head_dim ' +
      'rope.dimension_count_swa:head_dim embedding_length_per_layer_input:hidden_size_per_layer_input ' +
      'attention.shared_kv_layers:num_kv_shared_layers',
    floats: 'final_logit_softcapping:final_logit_softcapping',
  },
  deepseek_v2: DEEPSEEK,
  deepseek_v3: DEEPSEEK,
  glm4_moe: { architecture: 'glm4moe', numbers: `${GROUPED} expert_count:n_routed_experts`, floats: GATES },
  bailing_moe: { architecture: 'bailingmoe2', numbers: GROUPED, floats: GATES },
  cohere2_moe: {
    architecture: 'cohere2moe',
    numbers:
      'feed_forward_length:prefix_dense_intermediate_size expert_feed_forward_length:intermediate_size ' +
      'expert_shared_count:num_shared_experts leading_dense_block_count:first_k_dense_replace ' +
      `attention.sliding_window:sliding_window ${VOCABULARY}`,
    floats: 'logit_scale:logit_scale attention.layer_norm_epsilon:layer_norm_eps',
  },
  hy_v3: {
    architecture: 'hy_v3',
    numbers: `${MOE_WIDTH} ${VOCABULARY}`,
    floats: 'expert_weights_scale:router_scaling_factor',
  },
  bailing_hybrid: {
    architecture: 'bailingmoe3',
    numbers: `${LATENT} kda.head_dim:head_dim ssm.conv_kernel:short_conv_kernel_size`,
    floats: `${GATES} kda.gate_lower_bound:kda_lower_bound`,
  },
  kimi_linear: {
    architecture: 'kimi-linear',
    numbers: `${LATENT} expert_used_count:num_experts_per_token context_length:model_max_length`,
    floats: GATES,
  },
  gpt_oss: {
    architecture: 'gpt-oss',
    numbers: 'attention.sliding_window:sliding_window expert_feed_forward_length:intermediate_size',
  },
  lfm2_moe: {
    architecture: 'lfm2moe',
    numbers: `${MOE_WIDTH} leading_dense_block_count:num_dense_layers ${VOCABULARY} shortconv.l_cache:conv_L_cache`,
  },
  smallthinker: {
    architecture: 'smallthinker',
    numbers:
      'expert_count:moe_num_primary_experts expert_used_count:moe_num_active_primary_experts ' +
      'expert_feed_forward_length:moe_ffn_hidden_size feed_forward_length:moe_ffn_hidden_size',
  },
  ernie4_5_moe: {
    architecture: 'ernie4_5-moe',
    numbers:
      'expert_count:moe_num_experts expert_used_count:moe_k interleave_moe_layer_step:moe_layer_interval ' +
      `leading_dense_block_count:moe_layer_start_index ${MOE_WIDTH} expert_shared_count:moe_num_shared_experts`,
  },
}

/** Metadata of a model, with a vocabulary of characters and words. */
export function ggufMetadata(config: Config): Map<string, GgufValue> {
  const { architecture, numbers, floats } = FAMILIES[String(config.model_type)]
  const out = new Map<string, GgufValue>([
    ['general.architecture', text(architecture)],
    ['general.type', text('model')],
    ['general.name', text('A Model of Tests')],
    ['general.file_type', u32(0)],
    ['general.quantization_version', u32(2)],
  ])
  const add = (key: string, value: GgufValue) => out.set(`${architecture}.${key}`, value)
  const addAll = (keys: [string, string][], typed: (value: number) => GgufValue) => {
    for (const [key, source] of keys) if (config[source] != null) add(key, typed(Number(config[source])))
  }
  addAll([...NUMBERS, ...(numbers ? pairs(numbers) : [])], u32)
  addAll([...FLOATS, ...(floats ? pairs(floats) : [])], f32)
  addRope(config, add)
  addOfFamily(config, add)
  for (const [key, value] of vocabulary(config)) out.set(key, value)
  return out
}

function addRope(config: Config, add: (key: string, value: GgufValue) => void): void {
  const kinds = config.rope_parameters as Record<string, Config> | undefined
  const rope = (kinds?.full_attention ?? kinds ?? config.rope_scaling ?? {}) as Config
  if (kinds?.sliding_attention) add('rope.freq_base_swa', f32(Number(kinds.sliding_attention.rope_theta)))
  const theta = rope.rope_theta ?? config.rope_theta
  if (theta != null) add('rope.freq_base', f32(Number(theta)))
  if ((rope.rope_type ?? rope.type) !== 'yarn') return
  add('rope.scaling.type', text('yarn'))
  if (rope.mscale_all_dim != null) add('rope.scaling.yarn_log_multiplier', f32(0.1 * Number(rope.mscale_all_dim)))
  add('rope.scaling.factor', f32(Number(rope.factor)))
  add('rope.scaling.original_context_length', u32(Number(rope.original_max_position_embeddings)))
  for (const [key, source] of pairs('attn_factor:attention_factor beta_fast:beta_fast beta_slow:beta_slow')) {
    if (rope[source] != null) add(`rope.scaling.yarn_${key}`, f32(Number(rope[source])))
  }
}

/** Adds what follows from several keys. */
function addOfFamily(config: Config, add: (key: string, value: GgufValue) => void): void {
  const [heads, keyHeads] = [Number(config.num_attention_heads), Number(config.num_key_value_heads)]
  switch (config.model_type) {
    case 'mixtral':
    case 'granitemoe':
    case 'granitemoeshared':
      add('rope.dimension_count', u32(Number(config.head_dim ?? Number(config.hidden_size) / heads)))
      return
    case 'qwen3_next':
    case 'qwen3_5_moe_text': {
      const { partial_rotary_factor: share = config.partial_rotary_factor } = (config.rope_parameters ?? {}) as Config
      add('rope.dimension_count', u32(Math.trunc(Number(config.head_dim) * Number(share))))
      add('ssm.inner_size', u32(Number(config.linear_value_head_dim) * Number(config.linear_num_value_heads)))
      if (config.model_type === 'qwen3_next') return
      add('rope.dimension_sections', list('i32', [11, 11, 10, 0]))
      // Some files end with a layer that predicts further tokens.
      add('block_count', u32(Number(config.num_hidden_layers) + 1))
      add('nextn_predict_layers', u32(1))
      return
    }
    case 'olmoe':
      add('attention.layer_norm_rms_epsilon', f32(1e-5))
      return
    case 'granitemoehybrid':
      add('attention.head_count_kv', keyHeadsOfLayers(config, 'attention'))
      add('ssm.inner_size', u32(Number(config.mamba_expand) * Number(config.hidden_size)))
      add('rope.scaling.finetuned', flag(false))
      return
    case 'nemotron_h': {
      const perLayer = (kind: string, value: unknown) =>
        list(
          'i32',
          [...String(config.hybrid_override_pattern)].map((own) => (own === kind ? Number(value) : 0)),
        )
      add('attention.head_count_kv', perLayer('*', keyHeads))
      add('feed_forward_length', perLayer('E', config.moe_intermediate_size))
      add('ssm.inner_size', u32(Number(config.mamba_num_heads) * Number(config.mamba_head_dim)))
      add('rope.dimension_count', u32(Math.floor(Number(config.hidden_size) / heads)))
      add('rope.scaling.finetuned', flag(false))
      add('expert_weights_norm', flag(config.norm_topk_prob === true))
      return
    }
    case 'lfm2_moe':
      add('attention.head_count_kv', keyHeadsOfLayers(config, 'full_attention'))
      add('expert_gating_func', u32(2))
      return
    case 'cohere2_moe':
    case 'gemma4_text':
    case 'granitemoe_swa':
    case 'mellum': {
      const isSliding = (config.layer_types as string[]).map((type) => type === 'sliding_attention')
      add('attention.sliding_window_pattern', list('bool', isSliding))
      if (config.model_type === 'cohere2_moe') {
        add('expert_gating_func', u32(2))
        add('expert_weights_norm', flag(config.norm_topk_prob === true))
      }
      if (config.model_type !== 'gemma4_text') return
      const full = Number(config.num_global_key_value_heads)
      add(
        'attention.head_count_kv',
        list(
          'i32',
          isSliding.map((is) => (is ? keyHeads : full)),
        ),
      )
      return
    }
    case 'laguna': {
      const kinds = config.rope_parameters as Record<string, Config>
      const turned = (kind: string) => Number(config.head_dim) * Number(kinds[kind].partial_rotary_factor)
      add('attention.head_count', list('i32', config.num_attention_heads_per_layer as number[]))
      add('rope.dimension_count', u32(turned('full_attention')))
      add('rope.dimension_count_swa', u32(turned('sliding_attention')))
      add('expert_gating_func', u32(2))
      add('expert_weights_norm', flag(true))
      return
    }
    case 'bailing_hybrid':
    case 'kimi_linear':
    case 'deepseek_v2':
    case 'deepseek_v3': {
      const [plain, turned, rank] = ['qk_nope_head_dim', 'qk_rope_head_dim', 'kv_lora_rank'].map((key) =>
        Number(config[key]),
      )
      // Old files have one tensor of keys and values, and the sizes of heads.
      const [ofKeys, ofValues] = config.keeps_kv_b ? ['', ''] : ['_mla', '_mla']
      add(`attention.key_length${ofKeys}`, u32(plain + turned))
      add(`attention.value_length${ofValues}`, u32(Number(config.v_head_dim)))
      if (!config.keeps_kv_b) {
        add('attention.head_count_kv', u32(1))
        add('attention.key_length', u32(rank + turned))
        add('attention.value_length', u32(rank))
        add('expert_gating_func', u32(config.model_type === 'deepseek_v2' ? 1 : 2))
      }
      if (config.model_type === 'kimi_linear') {
        const { head_dim: size, short_conv_kernel_size: taps } = config.linear_attn_config as Record<string, number>
        add('kda.head_dim', u32(size))
        add('ssm.conv_kernel', u32(taps))
        return
      }
      if (config.model_type === 'bailing_hybrid') add('kda.safe_gate', flag(true))
      add('expert_weights_norm', flag(config.norm_topk_prob === true))
      return
    }
    case 'glm4_moe':
    case 'bailing_moe': {
      const { partial_rotary_factor: share = config.partial_rotary_factor ?? 1 } = (config.rope_parameters ??
        {}) as Config
      add('rope.dimension_count', u32(Number(config.head_dim) * Number(share)))
      add('expert_gating_func', u32(2))
      add('expert_weights_norm', flag(true))
      return
    }
    case 'hy_v3': {
      const width = Number(config.moe_intermediate_size)
      add('expert_shared_feed_forward_length', u32(width * Number(config.num_shared_experts)))
      add('expert_gating_func', u32(2))
      add('expert_weights_norm', flag(true))
      return
    }
    case 'afmoe':
      add('expert_gating_func', u32(2))
      add('expert_weights_norm', flag(config.route_norm === true))
      return
    case 'smallthinker':
      add('expert_gating_func', u32(config.moe_primary_router_apply_softmax ? 1 : 2))
      if ((config.sliding_window_layout as number[]).some((n) => n !== 0)) {
        add('attention.sliding_window', u32(Number(config.sliding_window_size)))
      }
      return
    case 'ernie4_5_moe':
      // The converter divides by the number of key-value heads, which is right for the published models alone.
      if (Number(config.moe_num_shared_experts) > 0) {
        add('expert_shared_feed_forward_length', u32(Math.floor(Number(config.intermediate_size) / keyHeads)))
      }
  }
}

/** Heads of keys in each layer; none in layers of another type. */
function keyHeadsOfLayers(config: Config, type: string): GgufValue {
  const types = config.layer_types as string[]
  return list(
    'i32',
    types.map((own) => (own === type ? Number(config.num_key_value_heads) : 0)),
  )
}

/** Tokens of the printable characters of ASCII as far as the vocabulary goes, then words. */
function vocabulary(config: Config): [string, GgufValue][] {
  const word = (_: unknown, id: number) => (id < 94 ? String.fromCharCode(33 + id) : `word${id}`)
  const tokens = Array.from({ length: Number(config.vocab_size) }, word)
  const [bos, eos] = [Number(config.bos_token_id), Number(config.eos_token_id)]
  const [normal, control] = [1, 3]
  return [
    ['tokenizer.ggml.model', text('gpt2')],
    ['tokenizer.ggml.pre', text('gpt-2')],
    ['tokenizer.ggml.tokens', list('text', tokens)],
    [
      'tokenizer.ggml.token_type',
      list(
        'i32',
        tokens.map((_, id) => (id === bos || id === eos ? control : normal)),
      ),
    ],
    ['tokenizer.ggml.merges', list('text', ['! "'])],
    ['tokenizer.ggml.bos_token_id', u32(bos)],
    ['tokenizer.ggml.eos_token_id', u32(eos)],
  ]
}
