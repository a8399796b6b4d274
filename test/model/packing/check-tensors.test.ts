import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Tensor, transpose } from '#molm/model/checkpoint/tensor.js'
import type { ModelConfig } from '#molm/model/config/config.js'
import { blueprintOf } from '#molm/model/families/index.js'
import { checkTensors } from '#molm/model/packing/write/check-tensors.js'
import { tensorOf, withFixture } from '../../support/checkpoints.js'
import { FIXTURES } from '../../support/fixtures.js'
import { rejectsWithUserError } from '../../support/rejects.js'

const BASE = '02-base-safetensors-f32'

const refuses = (config: ModelConfig, tensors: Map<string, Tensor>, pattern: RegExp) =>
  rejectsWithUserError(() => checkTensors(blueprintOf(config), tensors, 'folder'), pattern)

test('every tensor of a fixture is needed or on the list of ignored ones', async () => {
  for (const name of FIXTURES) {
    await withFixture(name, (config, { tensors }) => assert.equal(checkTensors(blueprintOf(config), tensors), [], name))
  }
})

test('any missing tensor is named', () =>
  withFixture(BASE, async (config, { tensors }) => {
    const needed = [...tensors.keys()].filter((name) => !/\.(mask|cum_weight)$/.test(name))
    for (const name of needed) {
      const fewer = new Map([...tensors].filter(([other]) => other !== name))
      await refuses(config, fewer, new RegExp(`^folder: tensor ${name} is missing`))
    }
  }))

test('a misshapen tensor is named with both shapes', () =>
  withFixture(BASE, async (config, checkpoint) => {
    const { tensors } = checkpoint
    const name = 'lm_head.weight'
    const changed = new Map(tensors).set(name, transpose(tensorOf(checkpoint, name)))
    await refuses(config, changed, /lm_head\.weight has shape \[64, 320\].*\[320, 64\]/)
  }))

test('a config.json with more layers or experts than the checkpoint is refused', () =>
  withFixture(BASE, async (config, { tensors }) => {
    const withExperts = (attention: number[], mlp: number[]) =>
      config.mixtures.map((mixture) => ({ ...mixture, experts: mixture.kind === 'attention' ? attention : mlp }))
    const deeper = { ...config, layers: 4, mixtures: withExperts([4, 4, 4, 4], [8, 8, 8, 8]) }
    await refuses(deeper, tensors, /transformer\.h\.3\.ln_1\.weight is missing/)
    const wider = { ...config, mixtures: withExperts([4, 4, 4], [8, 9, 8]) }
    await refuses(wider, tensors, /h\.1\.mlpf\.gate\.w_gate\.3\.weight.*\[8, 32\].*\[9, 32\]/)
  }))

test('weights that are not floating point numbers are refused', () =>
  withFixture(BASE, async (config, checkpoint) => {
    const { tensors } = checkpoint
    const name = 'transformer.wte.weight'
    const changed = new Map(tensors).set(name, { ...tensorOf(checkpoint, name), dtype: 'I8' as const })
    await refuses(config, changed, /transformer\.wte\.weight has dtype I8.*BF16/)
  }))

test('ignored buffers may have any shape and type, and other unknown tensors are reported', () =>
  withFixture(BASE, (config, checkpoint) => {
    const { tensors } = checkpoint
    const unknown = tensorOf(checkpoint, 'transformer.h.0.attn.mask')
    const changed = new Map(tensors)
      .set('transformer.h.0.attn.causal_mask', { ...unknown, dtype: 'BOOL' as const, shape: [1], strides: [1] })
      .set('transformer.h.7.extra', unknown)
    assert.equal(checkTensors(blueprintOf(config), changed), ['transformer.h.7.extra'])
  }))

test('a family that does not tolerate unknown tensors refuses them', async () => {
  for (const name of ['21-granitemoe-f32', '41-qwen3moe-f32', '61-jetmoe-f32']) {
    await withFixture(name, async (config, checkpoint) => {
      const { tensors } = checkpoint
      assert.equal(checkTensors(blueprintOf(config), tensors), [])
      const norm = tensorOf(checkpoint, 'model.norm.weight')
      const biased = new Map(tensors).set('model.layers.0.self_attn.q_proj.bias', norm)
      await refuses(
        config,
        biased,
        /^folder: tensor model\.layers\.0\.self_attn\.q_proj\.bias has no place in a model with this config\.json/,
      )
      // Old files hold frequencies, which follow from the config.
      const old = new Map(tensors).set('model.layers.0.self_attn.rotary_emb.inv_freq', norm)
      assert.equal(checkTensors(blueprintOf(config), old), [])
    })
  }
})

test('a model without its head is refused, unless the embedding is its head', () =>
  withFixture('31-olmoe-f32', async (config, { tensors }) => {
    const headless = new Map([...tensors].filter(([name]) => name !== 'lm_head.weight'))
    await refuses(config, headless, /tensor lm_head\.weight is missing/)
  }))

test('a tied model needs no head, and an existing one is not unknown', () =>
  withFixture(BASE, (config, { tensors }) => {
    const tied = { ...config, tieWordEmbeddings: true }
    const headless = new Map([...tensors].filter(([name]) => name !== 'lm_head.weight'))
    assert.equal(checkTensors(blueprintOf(tied), headless), [])
    assert.equal(checkTensors(blueprintOf(tied), tensors), [])
  }))

test.run()
