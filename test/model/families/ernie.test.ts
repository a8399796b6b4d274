import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { architectureOf, parseConfig } from '#molm/model/families/index.js'
import type { DecoderConfig } from '#molm/model/families/shared/decoder-config.js'
import { rejectsWithUserError } from '../../support/rejects.js'

const SMALL = {
  ...{ model_type: 'ernie4_5_moe', hidden_size: 40, num_hidden_layers: 4, num_attention_heads: 4 },
  ...{ num_key_value_heads: 2, moe_num_experts: 9, moe_k: 3 },
}

const parse = (keys: Record<string, unknown>) => parseConfig({ ...SMALL, ...keys }, 'config.json') as DecoderConfig

test('the interval and the two indices say which layers have experts', () => {
  const counts = (keys: Record<string, unknown>) => parse(keys).mixtures[0]?.experts
  assert.equal(counts({}), [0, 9, 9, 9])
  assert.equal(counts({ moe_layer_start_index: 0, moe_layer_interval: 2 }), [0, 9, 0, 9])
  assert.equal(counts({ moe_layer_end_index: 1 }), [0, 9, 0, 0])
  assert.equal(counts({ moe_layer_interval: 5 }), undefined)
})

test('the reference code has the same defaults', () => {
  const config = parseConfig({ model_type: 'ernie4_5_moe' }, 'config.json') as DecoderConfig
  assert.is(config.tieWordEmbeddings, true)
  assert.is(config.sharedHidden, 3072)
  assert.equal(config.ropes[0], { theta: 500000, pairs: 'neighbours', scaling: { type: 'default' } })
  assert.equal(config.mixtures[0].routing, { selectionBias: true, normalise: { floor: 1e-12 } })
  assert.equal(architectureOf(config).describe(config).router, ['linear', 'a bias of the choice'])
})

test('layers that predict further tokens are ignored, and biases refused', async () => {
  const config = parse({})
  const { ignores } = architectureOf(config)
  assert.ok(ignores('model.mtp_block.0.self_attn.q_proj.weight', config))
  assert.not(ignores('model.layers.0.self_attn.q_proj.bias', config))
  await rejectsWithUserError(() => parse({ use_bias: true }), /use_bias must be false/)
  await rejectsWithUserError(() => parse({ moe_layer_end_index: -2 }), /moe_layer_end_index/)
})

test.run()
