import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { DecoderConfig } from '#molm/architectures/decoder-config.js'
import { architectureOf, parseConfig } from '#molm/architectures/index.js'
import type { Mixture } from '#molm/model/config.js'
import { ropeFrequencies } from '#molm/nn/rope.js'
import { isNear } from '../support/compare.js'
import { forwardHere } from '../support/forward-here.js'
import { integers } from '../support/random.js'
import { decoderLogits } from '../support/reference-decoder.js'
import { weighted } from '../support/reference-layers.js'
import { referenceRoute } from '../support/reference-router.js'
import { rejectsWithUserError } from '../support/rejects.js'
import { writeRandomCheckpoint } from '../support/synthetic-checkpoint.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { LOGITS } from '../support/tolerances.js'

const SMALL = {
  model_type: 'ernie4_5_moe',
  vocab_size: 97,
  hidden_size: 40,
  intermediate_size: 52,
  moe_intermediate_size: 20,
  num_hidden_layers: 4,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  moe_num_experts: 9,
  moe_k: 3,
  max_position_embeddings: 256,
}

const CASES: Record<string, Record<string, unknown>> = {
  'shared experts and a dense first layer': {},
  'no shared experts, heads of another size and an untied head': {
    moe_num_shared_experts: 0,
    head_dim: 14,
    tie_word_embeddings: false,
  },
  'dense layers at both ends, and a large floor of the gates’ sum': { moe_layer_end_index: 2, moe_norm_min: 0.9 },
}

for (const [name, keys] of Object.entries(CASES)) {
  test(`${name}: exact logits`, () =>
    inTemporaryFolder(async (dir) => {
      const { config, tensors } = await writeRandomCheckpoint(dir, { ...SMALL, ...keys }, 4)
      const ernie = config as DecoderConfig
      const tokens = integers(30, 6, SMALL.vocab_size)
      const floor = Number(keys.moe_norm_min ?? 1e-12)
      const expected = decoderLogits(ernie, tensors, tokens, {
        frequencies: ropeFrequencies(ernie.rope, ernie.headSize),
        feed(l, b, x, { has, get, linear, gated }) {
          const mlp = `model.layers.${l}.mlp`
          if (!has(`${mlp}.gate.weight`)) return weighted(x, [{ gate: 1, y: gated(mlp, b) }])
          const bias = Array.from(get(`${mlp}.moe_statics.e_score_correction_bias`))
          const routing = { selectionBias: true, normalise: { floor } } as const
          const mixture: Mixture = { kind: 'mlp', experts: [9], topK: 3, routing }
          const chosen = referenceRoute(mixture, 0, [...linear(`${mlp}.gate`, b)], { bias })
          const routed = chosen.map(({ id, gate }) => ({ gate, y: gated(`${mlp}.experts.${id}`, b) }))
          const isShared = has(`${mlp}.shared_experts.gate_proj.weight`)
          return weighted(x, [...routed, ...(isShared ? [{ gate: 1, y: gated(`${mlp}.shared_experts`, b) }] : [])])
        },
      })
      const { logits } = await forwardHere(dir, tokens, { quant: 'f32' })
      isNear(
        logits,
        expected.flatMap((row) => [...row]),
        LOGITS,
        'logits',
      )
    }))
}

const parse = (keys: Record<string, unknown>) => parseConfig({ ...SMALL, ...keys }, 'config.json') as DecoderConfig

test('the interval and the two indices say which layers have experts', () => {
  const counts = (keys: Record<string, unknown>) => parse(keys).mixtures[0]?.experts
  assert.equal(counts({}), [0, 9, 9, 9])
  assert.equal(counts({ moe_layer_start_index: 0, moe_layer_interval: 2 }), [0, 9, 0, 9])
  assert.equal(counts({ moe_layer_end_index: 1 }), [0, 9, 0, 0])
  assert.equal(counts({ moe_layer_interval: 5 }), undefined)
})

test('defaults are those of the reference code', () => {
  const config = parseConfig({ model_type: 'ernie4_5_moe' }, 'config.json') as DecoderConfig
  assert.is(config.tieWordEmbeddings, true)
  assert.is(config.sharedHidden, 3072)
  assert.equal(config.rope, { theta: 500000, pairs: 'neighbours', scaling: { type: 'default' } })
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
