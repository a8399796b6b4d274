import { readFile } from 'node:fs/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { parseConfig } from '#molm/model/families/index.js'
import { ggufConfig } from '#molm/model/gguf/config/config.js'
import { openGguf } from '#molm/model/gguf/file/gguf-file.js'
import { fixturePath } from '../../support/fixtures.js'
import { f32, flag, type GgufTensor, type GgufValue, ggufFile, list, text, u32 } from '../../support/gguf-writer.js'
import { MemoryFiles } from '../../support/memory-files.js'
import { rejectsWithUserError } from '../../support/rejects.js'
import { openFixture } from './fixtures.js'

const test = suite('config.json of GGUF files')

/** Metadata that every family needs, and 2 layers. */
const COMMON: Record<string, GgufValue> = {
  block_count: u32(2),
  context_length: u32(128),
  embedding_length: u32(64),
  feed_forward_length: u32(96),
  'attention.head_count': u32(4),
  'attention.head_count_kv': u32(2),
  'attention.layer_norm_rms_epsilon': f32(1e-6),
  expert_count: u32(4),
  expert_used_count: u32(2),
}

/** The config.json of a file with these keys, and with tensors of these names and sizes. */
async function configOf(
  architecture: string,
  keys: Record<string, GgufValue | undefined> = {},
  tensors: Record<string, number[]> = {},
): Promise<Record<string, unknown>> {
  const own = Object.entries({ ...COMMON, ...keys }).flatMap(([key, value]) =>
    value === undefined ? [] : [[`${architecture}.${key}`, value] as const],
  )
  const metadata = new Map<string, GgufValue>([['general.architecture', text(architecture)], ...own])
  const stored = { 'token_embd.weight': [64, 10], ...tensors }
  const written = Object.entries(stored).map(([name, ne]): GgufTensor => {
    return { name, type: 0, ne, data: new Uint8Array(4 * ne.reduce((product, n) => product * n, 1)) }
  })
  const file = await openGguf(new MemoryFiles({ 'a.gguf': ggufFile(metadata, written) }), 'a.gguf')
  return ggufConfig(file)
}

/** Checks keys of a config. */
async function has(config: Promise<Record<string, unknown>>, expected: Record<string, unknown>): Promise<void> {
  const found = await config
  assert.equal(Object.fromEntries(Object.keys(expected).map((key) => [key, found[key]])), expected)
}

const FIXTURES = {
  'granitemoe-all-types': 'gguf/granitemoe-all-types/checkpoint',
  'qwen3moe-q4_k_m': 'gguf/qwen3moe-q4_k_m/checkpoint',
  'olmoe-q4_0-split': 'gguf/olmoe-q4_0-split/checkpoint',
  'gptoss-mxfp4': '72-gptoss-mxfp4',
}

for (const [folder, checkpoint] of Object.entries(FIXTURES)) {
  test(`is the checkpoint's: ${folder}`, async () => {
    const file = await openFixture(folder)
    const { raw: _, ...found } = parseConfig(ggufConfig(file), 'made')
    await file.close()
    const json: unknown = JSON.parse(await readFile(fixturePath(`${checkpoint}/config.json`), 'utf8'))
    const { raw: __, ...expected } = parseConfig(json, 'stored')
    assert.equal(found, expected)
  })
}

test('says that norms are LayerNorms if the file has their epsilon alone', async () => {
  const keys = {
    ...{ expert_feed_forward_length: u32(20), 'attention.sliding_window': u32(5), logit_scale: f32(0.25) },
    'attention.layer_norm_epsilon': f32(0.5),
  }
  const expected = { layer_norm_eps: 0.5, first_k_dense_replace: 0, num_shared_experts: 0, norm_topk_prob: false }
  await has(configOf('cohere2moe', { ...keys, 'attention.layer_norm_rms_epsilon': undefined }), {
    ...{ ...expected, rms_norm_eps: null, intermediate_size: 20, prefix_dense_intermediate_size: 96 },
  })
  await rejectsWithUserError(() => configOf('olmoe', { 'attention.layer_norm_rms_epsilon': undefined }), /rms_epsilon/)
})

test('has defaults for what the file leaves out', async () => {
  await has(configOf('olmoe'), {
    ...{ vocab_size: 10, head_dim: 16, rope_theta: 10000, rope_scaling: null, tie_word_embeddings: true },
    ...{ bos_token_id: null, norm_topk_prob: false, clip_qkv: null },
  })
  await has(configOf('olmoe', {}, { 'output.weight': [64, 10] }), { tie_word_embeddings: false })
  await has(configOf('granitemoe'), {
    ...{ model_type: 'granitemoe', attention_multiplier: 0.25, embedding_multiplier: 1, residual_multiplier: 1 },
    ...{ logits_scaling: 1, attention_bias: false },
  })
})

test('reads scaled positions', async () => {
  const scaling = (keys: Record<string, GgufValue>, architecture = 'qwen3moe') =>
    configOf(architecture, Object.fromEntries(Object.entries(keys).map(([key, value]) => [`rope.${key}`, value]))).then(
      ({ rope_scaling }) => rope_scaling,
    )
  assert.is(await scaling({ 'scaling.type': text('none') }), null)
  assert.equal(await scaling({ 'scaling.type': text('linear'), 'scaling.factor': f32(4) }), {
    rope_type: 'linear',
    factor: 4,
  })
  assert.equal(await scaling({ 'scaling.factor': f32(2) }), { rope_type: 'linear', factor: 2 })
  assert.equal(await scaling({ scale_linear: f32(2) }), { rope_type: 'linear', factor: 2 })
  const yarn = { 'scaling.type': text('yarn'), 'scaling.factor': f32(4), 'scaling.original_context_length': u32(32) }
  const expected = { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 32, beta_fast: 32, beta_slow: 1 }
  assert.equal(await scaling(yarn), { ...expected, truncate: true })
  const more = { ...yarn, 'scaling.yarn_beta_fast': f32(16), 'scaling.yarn_attn_factor': f32(1.5) }
  assert.equal(await scaling(more), { ...expected, beta_fast: 16, truncate: true, attention_factor: 1.5 })
  await rejectsWithUserError(() => scaling({ 'scaling.type': text('longrope') }), /rope.scaling.type is longrope/)
  await rejectsWithUserError(() => scaling({ 'scaling.type': text('\u001b[2J') }), /rope.scaling.type is \\x1b\[2J,/)
  const extended = { ...yarn, 'scaling.yarn_ext_factor': f32(0.5) }
  await rejectsWithUserError(() => scaling(extended), /yarn_ext_factor is not 1/)
  await has(configOf('llama', { 'rope.dimension_count': u32(8) }), { partial_rotary_factor: 0.5 })
  await rejectsWithUserError(() => configOf('llama', {}, { 'rope_freqs.weight': [8] }), /rope_freqs.weight/)
})

test('reads Mixtral', async () => {
  await has(configOf('llama', { 'attention.sliding_window': u32(32) }), {
    ...{
      model_type: 'mixtral',
      intermediate_size: 96,
      num_local_experts: 4,
      num_experts_per_tok: 2,
      sliding_window: 32,
    },
  })
})

test("reads Granite's shared expert and multipliers", async () => {
  const keys = { expert_shared_feed_forward_length: u32(48), 'attention.scale': f32(0.015625), logit_scale: f32(6) }
  await has(configOf('granitemoe', { ...keys, embedding_scale: f32(12), residual_scale: f32(0.22) }), {
    ...{ model_type: 'granitemoeshared', shared_intermediate_size: 48, attention_multiplier: 0.015625 },
    ...{ embedding_multiplier: 12, residual_multiplier: 0.22, logits_scaling: 6 },
  })
})

test("reads Granite's layers of states, with and without experts", async () => {
  const keys = {
    'attention.head_count_kv': list('u32', [0, 2]),
    ...{ 'ssm.inner_size': u32(128), 'ssm.time_step_rank': u32(8), 'ssm.group_count': u32(2) },
    ...{ 'ssm.state_size': u32(12), 'ssm.conv_kernel': u32(4), 'rope.scaling.finetuned': flag(false) },
  }
  const tensors = { 'blk.0.ssm_in.weight': [64, 312], 'blk.0.ssm_conv1d.bias': [176] }
  await has(configOf('granitehybrid', { ...keys, expert_shared_feed_forward_length: u32(48) }, tensors), {
    ...{ model_type: 'granitemoehybrid', layer_types: ['mamba', 'attention'], num_key_value_heads: 2 },
    ...{ position_embedding_type: 'nope', shared_intermediate_size: 48, num_local_experts: 4, mamba_expand: 2 },
    ...{ mamba_n_heads: 8, mamba_d_head: 16, mamba_n_groups: 2, mamba_d_state: 12, mamba_d_conv: 4 },
    mamba_conv_bias: true,
  })
  const dense = { ...keys, expert_count: u32(0), expert_used_count: u32(0), 'rope.scaling.finetuned': flag(true) }
  await has(configOf('granitehybrid', dense, { ...tensors, 'blk.0.ffn_gate.weight': [64, 40] }), {
    ...{ num_local_experts: 0, shared_intermediate_size: 40, position_embedding_type: 'rope' },
  })
})

test("reads Qwen's widths, biases and dense layers", async () => {
  const tensors = { 'blk.1.ffn_gate_inp.weight': [64, 4], 'blk.0.attn_q.bias': [64] }
  await has(configOf('qwen3moe', { expert_feed_forward_length: u32(32) }, tensors), {
    ...{ moe_intermediate_size: 32, intermediate_size: 96, norm_topk_prob: true, mlp_only_layers: [0] },
    attention_bias: true,
  })
  await has(configOf('qwen2moe', { expert_weights_norm: flag(true) }), {
    ...{ moe_intermediate_size: 48, shared_expert_intermediate_size: 96, norm_topk_prob: true, qkv_bias: false },
  })
})

test("reads Qwen3.5's states, and leaves out layers that predict further tokens", async () => {
  const keys = {
    ...{ block_count: u32(3), nextn_predict_layers: u32(1), expert_feed_forward_length: u32(32) },
    ...{ expert_shared_feed_forward_length: u32(48), 'attention.key_length': u32(16) },
    ...{ 'ssm.conv_kernel': u32(4), 'ssm.state_size': u32(12), 'ssm.group_count': u32(2) },
    ...{ 'ssm.time_step_rank': u32(4), 'ssm.inner_size': u32(40), 'rope.dimension_count': u32(4) },
    'rope.dimension_sections': list('i32', [11, 11, 10, 0]),
  }
  const tensors = { 'blk.0.ssm_a': [4] }
  const shape = {
    ...{ linear_num_key_heads: 2, linear_num_value_heads: 4, linear_key_head_dim: 12, linear_value_head_dim: 10 },
    ...{ linear_conv_kernel_dim: 4, layer_types: ['linear_attention', 'full_attention'], num_hidden_layers: 2 },
    ...{ moe_intermediate_size: 32, shared_expert_intermediate_size: 48, partial_rotary_factor: 0.25 },
  }
  await has(configOf('qwen35moe', keys, tensors), { ...shape, molm_tiled_value_heads: true })
  const { 'rope.dimension_sections': _, ...plain } = keys
  const next = await configOf('qwen3next', plain, tensors)
  await has(Promise.resolve(next), { ...shape, norm_topk_prob: true })
  assert.is(next.molm_tiled_value_heads, undefined)
})

test("reads gpt-oss' windows and scaled positions", async () => {
  const keys = {
    'attention.key_length': u32(16),
    'attention.sliding_window': u32(8),
    'rope.scaling.type': text('yarn'),
    'rope.scaling.factor': f32(32),
  }
  const [sliding, full] = ['sliding_attention', 'full_attention']
  await has(configOf('gpt-oss', keys), {
    layer_types: [sliding, full],
    sliding_window: 8,
    rope_scaling: {
      ...{ rope_type: 'yarn', factor: 32, original_max_position_embeddings: 128, beta_fast: 32, beta_slow: 1 },
      truncate: false,
    },
  })
  const pattern = 'attention.sliding_window_pattern'
  await has(configOf('gpt-oss', { ...keys, [pattern]: list('bool', [false, true]) }), { layer_types: [full, sliding] })
  await has(configOf('gpt-oss', { ...keys, [pattern]: u32(1) }), { layer_types: [full, full] })
  await has(configOf('gpt-oss', { ...keys, [pattern]: u32(0) }), { layer_types: [sliding, sliding] })
  await rejectsWithUserError(
    () => configOf('gpt-oss', { ...keys, block_count: u32(3), [pattern]: list('bool', [false, true]) }),
    /sliding_window_pattern has 2 entries for 3 layers/,
  )
})

test("reads Mellum's positions in each kind of layer, and Trinity's windows", async () => {
  const [sliding, full] = ['sliding_attention', 'full_attention']
  const window = { 'attention.sliding_window': u32(8) }
  const bases = { 'rope.freq_base': f32(5e5), 'rope.freq_base_swa': f32(1e4) }
  const tensors = { 'blk.1.ffn_gate_inp.weight': [64, 4] }
  await has(configOf('mellum', { ...window, ...bases, expert_feed_forward_length: u32(32) }, tensors), {
    ...{
      layer_types: [sliding, sliding],
      sliding_window: 8,
      norm_topk_prob: true,
      mlp_layer_types: ['dense', 'sparse'],
    },
    rope_parameters: {
      full_attention: { rope_type: 'default', rope_theta: 5e5 },
      sliding_attention: { rope_type: 'default', rope_theta: 1e4 },
    },
  })
  await has(configOf('mellum'), { layer_types: null })
  const five = { block_count: u32(5), expert_feed_forward_length: u32(32) }
  await has(configOf('afmoe', { ...five, ...window, expert_shared_count: u32(1) }), {
    ...{ layer_types: [sliding, sliding, sliding, full, sliding], sliding_window: 8, mup_enabled: true },
    ...{ num_dense_layers: 0, num_shared_experts: 1, route_scale: 1 },
  })
  await has(configOf('afmoe', five), { sliding_window: 128 })
})

test("reads Laguna's heads by layer, and positions of each kind of layer", async () => {
  const keys = {
    ...{ 'attention.head_count': list('i32', [4, 6]), 'attention.key_length': u32(16), expert_weights_scale: f32(2.5) },
    ...{ 'rope.freq_base': f32(5e5), 'rope.freq_base_swa': f32(1e4), 'rope.dimension_count': u32(8) },
    ...{ 'attention.sliding_window': u32(8), 'rope.dimension_count_swa': u32(16) },
  }
  await has(configOf('laguna', keys), {
    ...{ num_attention_heads: 4, num_attention_heads_per_layer: [4, 6], moe_routed_scaling_factor: 2.5 },
    ...{ layer_types: ['full_attention', 'sliding_attention'], sliding_window: 8, gating: 'per-element' },
    rope_parameters: {
      full_attention: { rope_type: 'default', rope_theta: 5e5, partial_rotary_factor: 0.5 },
      sliding_attention: { rope_type: 'default', rope_theta: 1e4, partial_rotary_factor: 1 },
    },
  })
  const pattern = { 'attention.sliding_window_pattern': list('bool', [true, false]) }
  await has(configOf('laguna', { ...keys, ...pattern }), { layer_types: ['sliding_attention', 'full_attention'] })
  await has(configOf('laguna', { ...keys, 'attention.sliding_window': u32(0) }), { sliding_window: 0 })
})

test("reads Granite's windows, and the layers without positions", async () => {
  const keys = {
    'attention.sliding_window': u32(8),
    'attention.sliding_window_pattern': list('bool', [false, true]),
    'rope.freq_base': f32(5e5),
  }
  const kinds = { layer_types: ['full_attention', 'sliding_attention'], sliding_window: 8 }
  await has(configOf('granite_swa', keys), { ...kinds, model_type: 'granitemoe_swa', layer_rope_theta: undefined })
  const [pattern, dense] = [{ 'attention.rope_pattern': list('bool', [false, true]) }, { expert_count: u32(0) }]
  await has(configOf('granite_swa', { ...keys, ...pattern, ...dense }), {
    ...{ ...kinds, model_type: 'granite_swa', num_local_experts: 0, layer_rope_theta: [0, 5e5] },
  })
})

const ENLARGED = { 'rope.scaling.factor': f32(40), 'rope.scaling.yarn_log_multiplier': f32(0.0707) }

test("reads DeepSeek's latents of new and of old files, and which routers they have", async () => {
  const keys = {
    ...{ 'attention.kv_lora_rank': u32(32), 'rope.dimension_count': u32(8), 'attention.value_length': u32(32) },
    ...{ 'attention.key_length': u32(40), expert_feed_forward_length: u32(16), expert_shared_count: u32(2) },
    ...{ 'attention.key_length_mla': u32(20), 'attention.value_length_mla': u32(10) },
  }
  const sizes = { qk_nope_head_dim: 12, qk_rope_head_dim: 8, v_head_dim: 10, kv_lora_rank: 32, q_lora_rank: null }
  await has(configOf('deepseek2', keys), { ...sizes, model_type: 'deepseek_v2', topk_method: 'greedy', n_group: 1 })
  const old = { 'attention.key_length': u32(20), 'attention.value_length': u32(10) }
  const { 'attention.key_length_mla': _, 'attention.value_length_mla': __, ...others } = keys
  await has(configOf('deepseek2', { ...others, ...old }), sizes)
  const groups = { expert_group_count: u32(2), expert_group_used_count: u32(1) }
  await has(configOf('deepseek2', { ...keys, ...groups }), { topk_method: 'group_limited_greedy', topk_group: 1 })
  const sigmoids = { expert_weights_norm: flag(true), expert_weights_scale: f32(1.8) }
  const v3 = { model_type: 'deepseek_v3', norm_topk_prob: true, routed_scaling_factor: 1.8 }
  await has(configOf('deepseek2', { ...keys, ...sigmoids, expert_gating_func: u32(2) }), v3)
  await has(configOf('deepseek2', { ...keys, ...sigmoids }, { 'blk.1.exp_probs_b.bias': [4] }), v3)
  const yarn = { ...keys, 'rope.scaling.type': text('yarn'), ...ENLARGED }
  const { rope_scaling } = (await configOf('deepseek2', yarn)) as { rope_scaling: Record<string, unknown> }
  assert.equal([rope_scaling.mscale, rope_scaling.mscale_all_dim], [707 / 1000, 707 / 1000])
})

test("reads Gemma's heads of both kinds of layers", async () => {
  const keys = {
    ...{ 'attention.key_length': u32(32), 'attention.key_length_swa': u32(16), 'attention.value_length': u32(32) },
    ...{ 'attention.head_count_kv': list('i32', [2, 1]), 'attention.sliding_window': u32(8) },
    'attention.sliding_window_pattern': list('bool', [true, false]),
    final_logit_softcapping: f32(30),
  }
  const tensors = { 'blk.0.attn_v.weight': [64, 32], 'rope_freqs.weight': [16] }
  await has(configOf('gemma4', keys, tensors), {
    ...{ head_dim: 16, global_head_dim: 32, num_key_value_heads: 2, num_global_key_value_heads: 1 },
    ...{ attention_k_eq_v: true, top_k_experts: 2, final_logit_softcapping: 30 },
    layer_types: ['sliding_attention', 'full_attention'],
  })
  const perLayer = { ...keys, embedding_length_per_layer_input: u32(256) }
  await rejectsWithUserError(() => configOf('gemma4', perLayer), /embedding_length_per_layer_input is 256/)
})

test("reads LFM2's convolutions and lists per layer", async () => {
  const keys = {
    'attention.head_count_kv': list('u32', [0, 2]),
    'shortconv.l_cache': u32(3),
    expert_feed_forward_length: u32(32),
    leading_dense_block_count: u32(1),
    expert_gating_func: u32(2),
  }
  const tensors = { 'blk.0.shortconv.conv.weight': [3, 64], 'blk.1.exp_probs_b.bias': [4] }
  await has(configOf('lfm2moe', keys, tensors), {
    ...{ layer_types: ['conv', 'full_attention'], num_key_value_heads: 2, num_dense_layers: 1, use_expert_bias: true },
    ...{ conv_L_cache: 3, conv_bias: false, norm_topk_prob: true, norm_eps: 1e-6 },
  })
  await rejectsWithUserError(
    () => configOf('lfm2moe', { ...keys, 'attention.head_count_kv': list('u32', [4, 2]) }, tensors),
    /lfm2moe.attention.head_count_kv differs between layers/,
  )
})

test("reads SmallThinker's windows and scores", async () => {
  await has(configOf('smallthinker', { expert_gating_func: u32(1) }), {
    moe_ffn_hidden_size: 96,
    moe_primary_router_apply_softmax: true,
    sliding_window_layout: [0, 0],
    rope_layout: [1, 1],
  })
  await has(configOf('smallthinker', { 'attention.sliding_window': u32(16), block_count: u32(5) }), {
    moe_primary_router_apply_softmax: false,
    sliding_window_size: 16,
    sliding_window_layout: [0, 1, 1, 1, 0],
    rope_layout: [0, 1, 1, 1, 0],
  })
})

test("reads ERNIE's dense and sparse layers", async () => {
  const keys = {
    expert_feed_forward_length: u32(32),
    leading_dense_block_count: u32(1),
    interleave_moe_layer_step: u32(1),
    expert_shared_count: u32(2),
    expert_shared_feed_forward_length: u32(48),
  }
  const tensors = { 'blk.1.ffn_gate_inp.weight': [64, 4], 'blk.1.ffn_gate_shexp.weight': [64, 64] }
  await has(configOf('ernie4_5-moe', keys, tensors), {
    ...{ moe_num_experts: 4, moe_k: 2, moe_num_shared_experts: 2, moe_layer_start_index: 1, moe_layer_end_index: 1 },
    moe_layer_interval: 1,
  })
})

test('refuses families that molm does not run, and what a family does not compute, by the key', async () => {
  const refused: [string, Record<string, GgufValue>, RegExp][] = [
    ['qwen35', {}, /a.gguf: general.architecture is qwen35; .* linear attention/],
    ['llama', { 'rope.scaling.type': text('yarn'), ...ENLARGED }, /yarn_log_multiplier is not 0/],
    ['jamba', {}, /is jamba; .*Mamba.*\nit runs llama \(Mixtral\)/],
    ['llama', { expert_count: u32(0) }, /is llama; .* models without experts/],
    ['olmoe', { expert_count: u32(0) }, /is olmoe; .*without experts/],
    ['zebra', {}, /is zebra; molm does not run this family\nit runs llama \(Mixtral\)/],
    ['olmoe', { final_logit_softcapping: f32(30) }, /olmoe.final_logit_softcapping is 30, which molm does not compute/],
    ['olmoe', { 'attention.sliding_window': u32(9) }, /attention.sliding_window is 9/],
    ['qwen3moe', { expert_gating_func: u32(2) }, /expert_gating_func is 2/],
    ['qwen3moe', { expert_weights_scale: f32(2.5) }, /expert_weights_scale is 2.5/],
    ['qwen3moe', { logit_scale: f32(2) }, /logit_scale is 2/],
    [
      'qwen3moe',
      { 'attention.value_length': u32(8) },
      /attention.value_length is 8, and molm runs models with 16 alone/,
    ],
    ['smallthinker', { 'rope.freq_base_swa': f32(20000) }, /rope.freq_base_swa is 20000, and .* 10000 alone/],
    ['afmoe', { expert_weights_norm: flag(false) }, /expert_weights_norm is 0/],
    ['laguna', { router_logit_softcapping: f32(30) }, /router_logit_softcapping is 30/],
    ['granitemoe', { expert_weights_norm: flag(false) }, /expert_weights_norm is 0/],
    ['granitemoe', { 'rope.scaling.finetuned': flag(false) }, /rope.scaling.finetuned is 0/],
    ['llama', { block_count: u32(0) }, /llama.block_count must be an integer from 1 to 4096, not 0/],
    ['llama', { block_count: text('two') }, /llama.block_count must be a number below 2\^53/],
  ]
  for (const [architecture, keys, pattern] of refused) {
    await rejectsWithUserError(() => configOf(architecture, keys), pattern)
  }
  await configOf('qwen3moe', { expert_gating_func: u32(1), expert_weights_scale: f32(1), logit_scale: f32(1) })
})

test('refuses files with a part of a model, or with none', async () => {
  const refused: [Record<string, GgufValue>, RegExp][] = [
    [{ 'general.architecture': text('llama'), 'general.type': text('adapter') }, /a.gguf: general.type is adapter/],
    [{ 'general.type': text('imatrix') }, /a.gguf: general.type is imatrix: statistics to quantise with/],
    [{ 'general.architecture': text('olmoe') }, /a.gguf: has no tensors; such files hold a vocabulary/],
  ]
  for (const [metadata, pattern] of refused) {
    const bytes = ggufFile(new Map(Object.entries(metadata)), [])
    const file = await openGguf(new MemoryFiles({ 'a.gguf': bytes }), 'a.gguf')
    assert.throws(() => ggufConfig(file), pattern)
  }
})

test.run()
