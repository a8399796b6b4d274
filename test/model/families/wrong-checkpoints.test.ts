import { test } from 'uvu'
import { FAMILY_CASES } from '../../support/family-cases.js'
import { withLoaded } from '../../support/loaded-model.js'
import { rejectsWithUserError } from '../../support/rejects.js'
import { randomTensors, type WrittenTensor, writeTensors } from '../../support/synthetic-checkpoint.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'

/** Other keys of config.json, or a change of the tensors. */
type Change = Record<string, unknown> | ((tensors: Map<string, WrittenTensor>) => void)

const without =
  (key: string): Change =>
  (tensors) => {
    if (!tensors.delete(key)) throw new Error(`no tensor ${key}`)
  }

const withZeros =
  (key: string, ...shape: number[]): Change =>
  (tensors) => {
    tensors.set(key, { shape, values: new Float32Array(shape.reduce((a, b) => a * b, 1)) })
  }

/** Other members of linear_attn_config. */
const withLinear = (changes: Record<string, unknown>): Change => ({
  linear_attn_config: {
    ...{ num_heads: 3, head_dim: 12, short_conv_kernel_size: 4, kda_layers: [1, 2, 4], full_attn_layers: [3] },
    ...changes,
  },
})

/** A line of the error names the file, then the key or the tensor. */
const config = (rest: string) => new RegExp(`config\\.json: ${rest}`)
const shape = (tensor: string, found: string, wanted: string) =>
  new RegExp(`model\\.safetensors: tensor ${tensor} has shape \\[${found}\\], config.json asks for \\[${wanted}\\]`)
const missing = (key: string) => new RegExp(`^.+: tensor ${key} is missing`)
const unknown = (key: string) => new RegExp(`^.+: tensor ${key}.* has no place in a model with this config.json`)

const [EXPERTS, SINKS] = ['model.layers.1.mlp.experts', 'model.layers.2.self_attn.sinks']
const [LFM2_BIAS, LFM2_CONV] = ['model.layers.1.feed_forward.expert_bias', 'model.layers.0.conv.conv']
const MAMBA = 'model.layers.0.mamba'
const QUERIES = 'model.layers.0.self_attn.q_proj.bias'
const GROUPED = 'model.layers.0.self_attn.qkv_proj.conv_qk_grouped'
const [DELTA, FUSED] = ['model.layers.0.linear_attn', 'model.layers.0.mlp.experts.gate_up_proj']
const LATENT = 'model.layers.0.self_attn'
const KIMI = 'model.layers.0.attention'
const SHARED = 'model.layers.1.mlp.shared_experts.gate_proj.weight'

/** Changes of a sound checkpoint, each with the refusal. */
const WRONG: Record<string, [Change, RegExp][]> = {
  'lfm2_moe: defaults': [
    [{ layer_types: undefined }, config('layer_types must be')],
    [
      { layer_types: ['conv', 'mamba', 'conv', 'conv'] },
      config('layer_types\\[1\\] must be one of conv, full_attention, not "mamba"'),
    ],
    [{ layer_types: ['conv'] }, config('layer_types must be a list of 4 types')],
    [{ conv_L_cache: 1 }, config('conv_L_cache must be')],
    [{ conv_L_cache: 9 }, config('conv_L_cache must be')],
    [{ conv_L_cache: 4 }, shape(`${LFM2_CONV}.weight`, '44, 1, 3', '44, 1, 4')],
    [without(LFM2_BIAS), missing(LFM2_BIAS)],
    [{ use_expert_bias: false }, unknown(LFM2_BIAS)],
    [withZeros(`${LFM2_CONV}.bias`, 44), unknown(`${LFM2_CONV}.bias`)],
    [without('model.layers.1.self_attn.q_layernorm.weight'), missing('model.layers.1.self_attn.q_layernorm.weight')],
  ],
  'gpt_oss: defaults, products beyond the limit': [
    [
      { layer_types: ['full_attention', 'chunked_attention', 'full_attention'] },
      config('layer_types\\[1\\] must be one of sliding_attention, full_attention'),
    ],
    [without(SINKS), missing(SINKS)],
    [withZeros(SINKS, 5), shape(SINKS, '5', '4')],
    [{ attention_bias: false }, unknown(QUERIES)],
    [withZeros(`${EXPERTS}.down_proj`, 7, 40, 20), shape(`${EXPERTS}.down_proj`, '7, 40, 20', '7, 20, 40')],
    [without(`${EXPERTS}.gate_up_proj_bias`), missing(`${EXPERTS}.gate_up_proj_bias`)],
    [
      { quantization_config: { quant_method: 'fp8' } },
      config('the weights are quantised with FP8 \\(quantization_config\\)'),
    ],
  ],
  'gpt_oss: MXFP4': [
    [without(`${EXPERTS}.gate_up_proj_scales`), missing(`${EXPERTS}.gate_up_proj_scales`)],
    [withZeros(`${EXPERTS}.down_proj`, 7, 32, 64), unknown(`${EXPERTS}.down_proj`)],
    [{ intermediate_size: 33 }, config('intermediate_size must be a multiple of 32 with experts in MXFP4, not 33')],
  ],
  'smallthinker: windows and positions in other layers, sigmoids': [
    [{ rope_layout: [1, 1] }, config('rope_layout must be a list of 4 numbers, 0 or 1')],
    [{ sliding_window_layout: [0, 1, 2, 3] }, config('sliding_window_layout must be a list of 4 numbers, 0 or 1')],
    [{ sliding_window_size: null }, config('sliding_window_size must be an integer')],
    [
      without('model.layers.3.block_sparse_moe.primary_router.weight'),
      missing('model.layers.3.block_sparse_moe.primary_router.weight'),
    ],
    [{ tie_word_embeddings: false }, missing('lm_head.weight')],
    [withZeros(QUERIES, 30), unknown(QUERIES)],
  ],
  'granitemoehybrid: defaults': [
    [{ layer_types: ['mamba'] }, config('layer_types must be a list of 4 types')],
    [{ mamba_n_heads: 3 }, config('mamba_n_heads must be a divisor of mamba_expand \\* hidden_size \\(80\\), not 3')],
    [{ mamba_d_head: 8 }, config('mamba_d_head must be mamba_expand \\* hidden_size / mamba_n_heads \\(16\\), not 8')],
    [{ mamba_n_groups: 2 }, config('mamba_n_groups must be a divisor of mamba_n_heads \\(5\\), not 2')],
    [{ mamba_d_conv: 9 }, config('mamba_d_conv must be')],
    [{ mamba_d_conv: 3 }, shape(`${MAMBA}.conv1d.weight`, '98, 1, 4', '98, 1, 3')],
    [{ time_step_limit: [1, 0.5] }, config('time_step_limit must rise')],
    [{ time_step_limit: [{ __float__: 'Infinity' }, 1] }, config('time_step_limit must be a list of two numbers')],
    [{ position_embedding_type: 'alibi' }, config('position_embedding_type must be one of rope, nope, not "alibi"')],
    [{ num_local_experts: 0 }, unknown('model.layers.0.block_sparse_moe')],
    [{ head_dim: 12 }, config('head_dim must be')],
    [without(`${MAMBA}.A_log`), missing(`${MAMBA}.A_log`)],
    [withZeros(`${MAMBA}.in_proj.bias`, 183), unknown(`${MAMBA}.in_proj.bias`)],
  ],
  'zaya: two kinds of layers, an untied head': [
    [{ num_experts_per_tok: 2 }, config('num_experts_per_tok must be 1, not 2')],
    [{ num_attention_heads: 1_048_578 }, config('num_attention_heads must be an integer from 1 to 1024')],
    [{ cca_time0: 9 }, config('cca_time0 must be an integer from 1 to 8')],
    [{ cca_time1: 1 }, shape(`${GROUPED}.weight`, '72, 12, 2', '72, 12, 1')],
    [{ lm_head_bias: true }, missing('lm_head.bias')],
    [withZeros('lm_head.bias', 61), unknown('lm_head.bias')],
    [{ sliding_window: null }, config('sliding_window must be an integer')],
    [{ layer_types: ['hybrid', 'mamba', 'hybrid', 'hybrid'] }, config('layer_types\\[1\\] must be one of hybrid')],
    [
      { rope_parameters: { hybrid: {} } },
      config('rope_parameters must be an object with members hybrid_sliding, hybrid'),
    ],
    [{ attention_bias: true }, missing('model.layers.0.self_attn.qkv_proj.q_proj.bias')],
    [without('model.layers.1.mlp.gate.router_states_scale'), missing('model.layers.1.mlp.gate.router_states_scale')],
    [
      withZeros('model.layers.0.mlp.gate.router_states_scale', 18),
      unknown('model.layers.0.mlp.gate.router_states_scale'),
    ],
    [
      withZeros('model.layers.2.mlp.gate.balancing_biases', 7),
      shape('model.layers.2.mlp.gate.balancing_biases', '7', '8'),
    ],
    [{ ffn_hidden_size: 41 }, config('ffn_hidden_size must be even')],
    [{ ffn_hidden_size: 40, num_hidden_layers: 3 }, config('num_hidden_layers must be even')],
    [{ ffn_hidden_size: 40, zaya_use_mod: false }, config('zaya_use_mod must be true, not false')],
    [{ ffn_hidden_size: 40, swa_layers: [0, 0] }, config('swa_layers must be a list of 4 numbers')],
    [{ ffn_hidden_size: 40, swa_layers: [3, 3, 4, 4] }, config('swa_layers must be the same number')],
    [{ ffn_hidden_size: 40 }, missing('model.layers.0.res_scale.hidden_states_scale')],
  ],
  'ernie4_5_moe: two shared experts, a dense first layer': [
    [{ moe_layer_interval: 2 }, missing('model.layers.2.mlp.gate_proj.weight')],
    [{ moe_num_shared_experts: 1 }, shape(SHARED, '40, 40', '20, 40')],
    [{ moe_num_shared_experts: 0 }, unknown(SHARED)],
    [
      without('model.layers.4.mlp.moe_statics.e_score_correction_bias'),
      missing('model.layers.4.mlp.moe_statics.e_score_correction_bias'),
    ],
    [{ moe_layer_start_index: [1, 1] }, config('moe_layer_start_index must be an integer')],
  ],
  'qwen3_5_moe_text: attention in every fourth layer, the default epsilon': [
    [
      { layer_types: ['linear_attention', 'conv', 'full_attention', 'full_attention'] },
      config('layer_types\\[1\\] must be one of linear_attention, full_attention, not "conv"'),
    ],
    [{ hidden_act: 'gelu' }, config('hidden_act must be one of silu')],
    [{ linear_num_value_heads: 3 }, config('linear_num_value_heads must be a multiple of 2 key heads')],
    [{ linear_conv_kernel_dim: 9 }, config('linear_conv_kernel_dim must be an integer from 1 to 8')],
    [{ partial_rotary_factor: 0.08 }, config('partial_rotary_factor must be a share of 12 channels that makes pairs')],
    [
      { rope_parameters: { partial_rotary_factor: 0.25, rope_type: 'yarn', factor: 3 } },
      config('partial_rotary_factor must be a share of 12 channels that makes pairs'),
    ],
    [{ rope_parameters: { rope_type: 'llama3' } }, config('RoPE of type "llama3" is not computed by molm')],
    [{ linear_key_head_dim: 8 }, shape(`${DELTA}.in_proj_qkv.weight`, '112, 40', '104, 40')],
    [without(`${DELTA}.A_log`), missing(`${DELTA}.A_log`)],
    [without(FUSED), missing(FUSED)],
    [
      withZeros('model.layers.3.self_attn.q_proj.weight', 48, 40),
      shape('model.layers.3.self_attn.q_proj.weight', '48, 40', '96, 40'),
    ],
    [withZeros('model.layers.3.self_attn.q_proj.bias', 96), unknown('model.layers.3.self_attn.q_proj.bias')],
  ],
  'mellum: windows, and other positions in each kind of layer': [
    [
      { rope_parameters: { full_attention: { rope_theta: 300 } } },
      config('rope_parameters must be an object with members sliding_attention, full_attention'),
    ],
    [{ layer_types: new Array(4).fill('mamba') }, config('layer_types\\[0\\] must be one of sliding_attention')],
    [{ mlp_layer_types: ['sparse'] }, config('mlp_layer_types must be a list of 4 types')],
    [{ sliding_window: null }, config('sliding_window must be an integer')],
    [{ attention_bias: true }, missing(QUERIES)],
    [{ num_experts: 6, num_local_experts: 7 }, shape('model.layers.0.mlp.gate.weight', '7, 40', '6, 40')],
    [{ mlp_layer_types: null, rope_parameters: { rope_theta: 300 } }, config('rope_parameters must be an object with')],
  ],
  'granitemoe_swa: windows in all but every fourth layer, no shared expert': [
    [{ layer_rope_theta: [0, 300] }, config('layer_rope_theta must be a list of 5 numbers from 0 on')],
    [{ attention_bias: true }, missing(QUERIES)],
    [{ sliding_window: null }, config('sliding_window must be an integer')],
    [without('model.layers.3.self_attn.sinks'), missing('model.layers.3.self_attn.sinks')],
    [{ shared_intermediate_size: 12 }, missing('model.layers.0.shared_mlp.input_linear.weight')],
    [{ model_type: 'granite_swa' }, missing('model.layers.0.mlp.gate_proj.weight')],
  ],
  'afmoe: two shared experts, a dense layer, one layer without a window': [
    [{ attention_bias: true }, missing(QUERIES)],
    [{ num_shared_experts: 1 }, shape(SHARED, '40, 40', '20, 40')],
    [{ num_dense_layers: 2 }, missing('model.layers.1.mlp.gate_proj.weight')],
    [{ global_attn_every_n_layers: 0 }, config('global_attn_every_n_layers must be an integer')],
    [without('model.layers.3.post_mlp_layernorm.weight'), missing('model.layers.3.post_mlp_layernorm.weight')],
    [without('model.layers.2.mlp.expert_bias'), missing('model.layers.2.mlp.expert_bias')],
    [without('model.layers.0.self_attn.gate_proj.weight'), missing('model.layers.0.self_attn.gate_proj.weight')],
  ],
  'deepseek_v2: a latent of queries, the best of four groups, a factor, BF16': [
    [{ norm_topk_prob: true }, config('norm_topk_prob must be false for deepseek_v2, not true')],
    [{ scoring_func: 'sigmoid' }, config('scoring_func must be one of softmax, not "sigmoid"')],
    [{ topk_method: 'noaux_tc' }, config('topk_method must be one of greedy, group_limited_greedy')],
    [{ n_group: 3 }, config('n_group must be a divisor of n_routed_experts \\(8\\), not 3')],
    [{ topk_group: 5 }, config('topk_group must be an integer from 1 to 4, not 5')],
    [{ num_attention_heads: 2 ** 20 }, config('num_attention_heads must be at most 65536 in all layers together')],
    [{ qk_rope_head_dim: 5 }, config('qk_rope_head_dim must be even: its channels make pairs, not 5')],
    [{ q_lora_rank: null }, missing('model.layers.0.self_attn.q_proj.weight')],
    [{ kv_lora_rank: 15 }, shape(`${LATENT}.kv_a_proj_with_mqa.weight`, '20, 40', '21, 40')],
    [{ v_head_dim: 8 }, shape(`${LATENT}.kv_b_proj.weight`, '76, 14', '72, 14')],
    [{ attention_bias: true }, missing(`${LATENT}.q_a_proj.bias`)],
    [without(`${LATENT}.q_a_layernorm.weight`), missing(`${LATENT}.q_a_layernorm.weight`)],
    [withZeros('model.layers.1.mlp.gate.e_score_correction_bias', 8), unknown('model.layers.1.mlp.gate.e_score')],
  ],
  'deepseek_v3: two of four groups by their two best, a factor': [
    [{ topk_method: 'greedy' }, config('topk_method must be one of noaux_tc, not "greedy"')],
    [
      without('model.layers.2.mlp.gate.e_score_correction_bias'),
      missing('model.layers.2.mlp.gate.e_score_correction_bias'),
    ],
    [{ first_k_dense_replace: 2 }, missing('model.layers.1.mlp.gate_proj.weight')],
  ],
  'glm4_moe: norms of heads, biases, groups, a factor, BF16': [
    [{ use_qk_norm: false }, unknown('model.layers.0.self_attn.q_norm.weight')],
    [{ partial_rotary_factor: 0 }, config('partial_rotary_factor must be a share of 12 channels')],
    [withZeros('model.layers.0.self_attn.o_proj.bias', 40), unknown('model.layers.0.self_attn.o_proj.bias')],
  ],
  'bailing_moe_v2: half of each head turns, a factor, two shared experts, BF16': [
    [{ model_type: 'bailing_moe' }, config('architectures must be BailingMoeV2ForCausalLM for model_type')],
    [{ use_bias: true }, config('use_bias must be false without use_qkv_bias, not true')],
    [{ num_shared_experts: 1 }, shape(SHARED, '40, 40', '20, 40')],
    [without('model.layers.1.mlp.gate.expert_bias'), missing('model.layers.1.mlp.gate.expert_bias')],
  ],
  'bailing_hybrid: gates of heads, a latent of queries, two shared experts, the default epsilon, BF16': [
    [{ architectures: ['BailingMoeV2_5ForCausalLM'] }, config('architectures must be BailingMoeV3ForCausalLM for')],
    [{ expert_swiglu_limit_list: [7, 7, 7, 7] }, config('expert_swiglu_limit_list must be null, not')],
    [{ kda_lower_bound: 5 }, config('kda_lower_bound must be a number below 0, not 5')],
    [{ kda_safe_gate: false }, config('kda_safe_gate must be true as kda_lower_bound has it, not false')],
    [{ kda_lower_bound: null }, config('kda_safe_gate must be false as kda_lower_bound has it, not true')],
    [
      { gated_attention_proj_granularity_type: 'row' },
      /config\.json: gated\w+granularity_type must be one of head_wise, element_wise/,
    ],
    [{ short_conv_kernel_size: 9 }, config('short_conv_kernel_size must be an integer from 1 to 8, not 9')],
    [{ no_kda_lora: false }, missing(`${KIMI}.f_a_proj.weight`)],
    [{ layer_group_size: 1 }, missing(`${KIMI}.q_a_proj.weight`)],
    [without(`${KIMI}.A_log`), missing(`${KIMI}.A_log`)],
    [without(`${KIMI}.k_conv1d.weight`), missing(`${KIMI}.k_conv1d.weight`)],
    [withZeros('model.layers.3.attention.A_log', 4), unknown('model.layers.3.attention.A_log')],
  ],
  'kimi_linear: no shared experts by default': [
    [{ mla_use_nope: false }, config('mla_use_nope must be true: keys have no positions, not false')],
    [{ moe_router_activation_func: 'tanh' }, config('moe_router_activation_func must be one of sigmoid, softmax')],
    [{ linear_attn_config: 7 }, config('linear_attn_config must be an object, not 7')],
    [withLinear({ head_dim: 0 }), config('linear_attn_config.head_dim must be an integer from 1 to')],
    [
      withLinear({ full_attn_layers: [0] }),
      config('linear_attn_config.full_attn_layers must be a list of layers from 1'),
    ],
    [withLinear({ full_attn_layers: [4] }), /tensor model.layers.2.self_attn\./],
    [{ linear_attn_config: null }, config('linear_attn_config.full_attn_layers must be a list of layers')],
    [{ num_shared_experts: 1 }, missing('model.layers.0.block_sparse_moe.shared_experts.gate_proj.weight')],
  ],
  'gemma4_text: windows in all layers but the last, values of their own': [
    [{ enable_moe_block: undefined }, config('enable_moe_block must be true, not false')],
    [{ hidden_size_per_layer_input: undefined }, config('hidden_size_per_layer_input must be 0, not 256')],
    [{ num_kv_shared_layers: 2 }, config('num_kv_shared_layers must be 0, not 2')],
    [{ use_bidirectional_attention: 'all' }, config('use_bidirectional_attention must be null, not "all"')],
    [{ global_head_dim: 15 }, config('head_dim must be even in layer 3, not 15')],
    [{ per_layer_config: [] }, config('per_layer_config must be an object')],
    [
      { per_layer_config: { 1: { num_key_value_heads: 3 } } },
      config('num_key_value_heads must be a divisor of num_attention_heads \\(4\\) in layer 1, not 3'),
    ],
    [{ attention_k_eq_v: true }, unknown('model.layers.3.self_attn.v_proj.weight')],
    [without('model.layers.2.layer_scalar'), missing('model.layers.2.layer_scalar')],
    [without('model.layers.1.router.scale'), missing('model.layers.1.router.scale')],
    [{ per_layer_config: { 0: { head_dim: 12 } } }, shape(QUERIES.replace('bias', 'weight'), '40, 40', '48, 40')],
  ],
  'afmoe: biases of attention, none of its gate': [
    [without('model.layers.0.self_attn.o_proj.bias'), missing('model.layers.0.self_attn.o_proj.bias')],
    [withZeros('model.layers.0.self_attn.gate_proj.bias', 56), unknown('model.layers.0.self_attn.gate_proj.bias')],
  ],
}

for (const [name, rows] of Object.entries(WRONG)) {
  test(`wrong checkpoints are refused by the key or the tensor: ${name}`, () =>
    inTemporaryFolder(async (dir) => {
      const sound = FAMILY_CASES.find((family) => family.name === name)
      if (!sound) throw new Error(`no case ${name}`)
      for (const [change, says] of rows) {
        const tensors = randomTensors(sound.keys, 1, sound.weights)
        if (typeof change === 'function') change(tensors)
        await writeTensors(dir, { ...sound.keys, ...(typeof change !== 'function' && change) }, tensors)
        await rejectsWithUserError(() => withLoaded(dir, { quant: 'f32' }, () => undefined), says)
      }
    }))
}

test.run()
