import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { MODEL_TYPES, parseConfig } from '#molm/model/families/index.js'
import type { DecoderConfig } from '#molm/model/families/shared/decoder-config.js'
import { rejectsWithUserError } from '../../support/rejects.js'

const WHERE = 'some/config.json'

function read(json: Record<string, unknown>): DecoderConfig {
  return parseConfig(json, WHERE) as DecoderConfig
}

test('an absent key has the default of its family', () => {
  assert.is(read({ model_type: 'olmoe' }).epsilon, 1e-5)
  assert.is(read({ model_type: 'mixtral' }).ropes[0]?.theta, 1e6)
  assert.is(read({ model_type: 'mixtral' }).keyValueHeads, 8)
  assert.is(read({ model_type: 'qwen3_moe' }).tieWordEmbeddings, false)
  assert.is(read({ model_type: 'jetmoe' }).tieWordEmbeddings, true)
  assert.is(read({ model_type: 'qwen2_moe' }).attentionBias, 'qkv')
})

test('both names of the tanh form of GELU are read', () => {
  for (const hidden_act of ['gelu_new', 'gelu_pytorch_tanh']) {
    assert.is(read({ model_type: 'mixtral', hidden_act }).activation, 'gelu_new')
  }
})

test('RoPE is read in its older and newer spelling', () => {
  const older = { model_type: 'mixtral', rope_theta: 5000, rope_scaling: { type: 'linear', factor: 4 } }
  const newer = { model_type: 'mixtral', rope_parameters: { rope_theta: 5000, rope_type: 'linear', factor: 4 } }
  const expected = { theta: 5000, scaling: { type: 'linear', factor: 4 } }
  assert.equal(read(older).ropes[0], expected)
  assert.equal(read(newer).ropes[0], expected)
  const yarn = { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 64 }
  const [rope] = read({ model_type: 'qwen3_moe', rope_scaling: yarn }).ropes
  const rest = { betaFast: 32, betaSlow: 1, truncate: true, attention: Math.fround(0.1 * Math.log(4) + 1) }
  assert.equal(rope?.scaling, { type: 'yarn', factor: 4, original: 64, ...rest })
})

test('historical names of JetMoE are read, but the current ones win', () => {
  const config = read({ model_type: 'jetmoe', num_layers: 3, moe_num_experts: 6, moe_top_k: 3, ffn_hidden_size: 64 })
  assert.is(config.layers, 3)
  assert.is(config.ffnHidden, 64)
  for (const { experts, topK } of config.mixtures) assert.equal([experts[0], topK], [6, 3])
  assert.is(read({ model_type: 'jetmoe', num_layers: 3, num_hidden_layers: 5 }).layers, 5)
})

test('Qwen layers are dense if they are listed, or if the step skips them', () => {
  const experts = (json: Record<string, unknown>) =>
    read({ model_type: 'qwen3_moe', num_hidden_layers: 4, num_experts: 8, ...json }).mixtures[0]?.experts
  assert.equal(experts({}), [8, 8, 8, 8])
  assert.equal(experts({ mlp_only_layers: [1] }), [8, 0, 8, 8])
  assert.equal(experts({ decoder_sparse_step: 2 }), [0, 8, 0, 8])
})

test('gpt-oss has a window in every second layer or in the layers of layer_types, and YaRN by default', () => {
  const windows = (json: Record<string, unknown>) =>
    read({ model_type: 'gpt_oss', num_hidden_layers: 3, ...json }).windows
  assert.equal(windows({}), [128, 0, 128])
  assert.equal(windows({ layer_types: null }), [128, 0, 128])
  const [window, all] = ['sliding_attention', 'full_attention']
  assert.equal(windows({ layer_types: [all, all, window] }), [0, 0, 128])
  const { ropes, headSize, attentionBias, gateBias } = read({ model_type: 'gpt_oss' })
  const attention = Math.fround(0.1 * Math.log(32) + 1)
  const scaling = { type: 'yarn', factor: 32, original: 4096, betaFast: 32, betaSlow: 1, truncate: false, attention }
  assert.equal(ropes[0], { theta: 150000, scaling })
  assert.equal([headSize, attentionBias, gateBias], [64, 'all', true])
  assert.equal(read({ model_type: 'gpt_oss', rope_scaling: null }).ropes[0], {
    theta: 150000,
    scaling: { type: 'default' },
  })
})

test("rope_scaling counts before rope_parameters, whose keys count before the top level's", () => {
  const linear = { rope_type: 'linear', factor: 4 }
  const newer = { rope_type: 'default', rope_theta: 5000 }
  const ropeOf = (json: Record<string, unknown>) => read({ model_type: 'gpt_oss', rope_theta: 7000, ...json }).ropes[0]
  assert.equal(ropeOf({ rope_parameters: newer }), { theta: 5000, scaling: { type: 'default' } })
  assert.equal(ropeOf({ rope_parameters: newer, rope_scaling: null }), { theta: 5000, scaling: { type: 'default' } })
  const both = ropeOf({ rope_parameters: newer, rope_scaling: linear })
  assert.equal(both, { theta: 7000, scaling: { type: 'linear', factor: 4 } })
})

test('several ids may end a text', () => {
  const config = read({ model_type: 'qwen3_moe', eos_token_id: [151645, 151643] })
  assert.is(config.eosToken, 151645)
  assert.equal(config.eosTokens, [151645, 151643])
})

test('features that molm does not compute are refused by name', async () => {
  const refused: [Record<string, unknown>, RegExp][] = [
    [{ model_type: 'mixtral', rope_scaling: { rope_type: 'llama3', factor: 8 } }, /RoPE of type "llama3"/],
    [{ model_type: 'mixtral', rope_scaling: { rope_type: 'dynamic', factor: 2 } }, /RoPE of type "dynamic"/],
    [{ model_type: 'mixtral', rope_scaling: { type: 'longrope' } }, /RoPE of type "longrope"/],
    [{ model_type: 'mixtral', rope_scaling: { type: 'yarn' } }, /rope_scaling\.factor is missing/],
    [{ model_type: 'mixtral', rope_scaling: 3 }, /rope_scaling must be an object/],
    [{ model_type: 'mixtral', rope_parameters: { rope_theta: -1 } }, /rope_parameters\.rope_theta/],
    [{ model_type: 'mixtral', partial_rotary_factor: 0.5 }, /partial_rotary_factor/],
    [{ model_type: 'mixtral', hidden_act: 'mish' }, /hidden_act.*silu.*"mish"/],
    [{ model_type: 'jetmoe', activation_function: 'tanh' }, /activation_function.*silu.*"tanh"/],
    [{ model_type: 'mixtral', num_key_value_heads: 5 }, /num_key_value_heads must be a divisor/],
    [{ model_type: 'mixtral', num_experts_per_tok: 9 }, /num_experts_per_tok 9 is more than the 8 experts/],
    [{ model_type: 'mixtral', head_dim: 7 }, /a head has 7 channels/],
    [{ model_type: 'granitemoe', position_embedding_type: 'nope' }, /position_embedding_type.*rope.*"nope"/],
    [{ model_type: 'granitemoe', head_dim: 64 }, /head_dim must be hidden_size \/ num_attention_heads \(128\)/],
    [{ model_type: 'olmoe', head_dim: 64 }, /head_dim must be hidden_size \/ num_attention_heads \(128\)/],
    [{ model_type: 'qwen2_moe', use_sliding_window: true }, /use_sliding_window must be false/],
    [{ model_type: 'qwen3_moe', mlp_only_layers: 'all' }, /mlp_only_layers must be a list of layers/],
    [{ model_type: 'granitemoe', attention_multiplier: 0 }, /attention_multiplier must be a number above 0/],
    [{ model_type: 'gpt_oss', swiglu_limit: 5 }, /swiglu_limit must be 7, not 5/],
    [{ model_type: 'gpt_oss', layer_types: ['full_attention'] }, /layer_types must be a list of 36 types/],
    [
      { model_type: 'gpt_oss', num_hidden_layers: 2, layer_types: ['full_attention', 'mamba'] },
      /layer_types\[1\] must be one of sliding_attention, full_attention, not "mamba"/,
    ],
  ]
  for (const [json, pattern] of refused) await rejectsWithUserError(() => read(json), pattern)
})

test('an unknown model_type is refused with the list of known ones', async () => {
  const all = new RegExp(`"llama".*${MODEL_TYPES.join(', ')}`)
  await rejectsWithUserError(() => read({ model_type: 'llama' }), all)
})

test.run()
