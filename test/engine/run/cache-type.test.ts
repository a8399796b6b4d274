import { readFileSync } from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { CacheType } from '#molm/index.js'
import { cacheTypeOf, parseConfig } from '#molm/model/families/index.js'
import { formatsFor, type Quant, type WeightFormat } from '#molm/model/packing/format/formats.js'
import { fixturePath } from '../../support/fixtures.js'
import { logitsInPieces } from '../../support/forward-here.js'
import { withLoaded } from '../../support/loaded-model.js'
import { withModel } from '../../support/models.js'
import { rejectsWithUserError } from '../../support/rejects.js'

const test = suite('a q8 cache')

/** Stick-breaking attention, also with K = V; grouped heads, windows, sinks, convolutions; several queries per token. */
const FIXTURES = [
  '01-base-bin-f32',
  '11-molm-like-bin-bf16-sharded',
  '22-granitemoe-bf16-sharded',
  '52-mixtral-window-bf16-sharded',
  '62-jetmoe-bf16-sharded',
  '71-gptoss-bf16-sharded',
  '82-lfm2moe-bf16-sharded',
  '91-granitehybrid-f32',
  '152-smallthinker-window-bf16-sharded',
  '181-afmoe-f32',
  '196-qwen35moe-bf16',
]

const TOKENS = Array.from({ length: 300 }, (_, i) => (i * 31 + (i >> 3)) % 60)

for (const name of FIXTURES) {
  test(`of ${name} changes the logits a little`, async () => {
    const logitsOf = (cacheType: CacheType) =>
      withLoaded(fixturePath(name), { quant: 'q4', positions: 512, cacheType }, ({ model }) =>
        logitsInPieces(model, TOKENS, [300]),
      )
    const difference = distance(await logitsOf('q8'), await logitsOf('bf16'))
    assert.ok(difference > 0 && difference < 0.1, `relative difference ${difference}`)
  })
}

test('takes half the memory of bf16, and a scale for each head', async () => {
  const bytesOf = (cacheType: CacheType) =>
    withModel(fixturePath('22-granitemoe-bf16-sharded'), { threads: 1, cacheType }, async (model) => {
      assert.is(model.cacheType, cacheType)
      const { layers } = model.config
      const { keyValueHeads, headSize } = model.config as unknown as { keyValueHeads: number; headSize: number }
      const perHead = (await model.stats()).cacheTokenBytes / (2 * layers * keyValueHeads)
      return { perHead, headSize }
    })
  const { perHead, headSize } = await bytesOf('q8')
  assert.is(perHead, 4 + 4 * Math.ceil(headSize / 4))
  assert.is((await bytesOf('bf16')).perHead, 2 * headSize)
})

test('is the default of softmax attention with weights of few bits, unless its keys have biases or are latents', () => {
  const typeOf = (name: string, quant: Quant) => {
    const config = JSON.parse(readFileSync(`${fixturePath(name)}/config.json`, 'utf8'))
    return cacheTypeOf(parseConfig(config, name), formatsFor(quant))
  }
  for (const name of [
    '21-granitemoe-f32',
    '31-olmoe-f32',
    '41-qwen3moe-f32',
    '52-mixtral-window-bf16-sharded',
    '61-jetmoe-f32',
    '81-lfm2moe-f32',
    '91-granitehybrid-f32',
    '101-ernie45moe-f32',
    '152-smallthinker-window-bf16-sharded',
    '171-gemma4-f32',
    '181-afmoe-f32',
    '201-mellum-f32',
    '206-zaya-f32',
    '231-granitemoeswa-f32',
  ]) {
    assert.equal(
      (['q4', 'q8', 'f32'] as const).map((quant) => typeOf(name, quant)),
      ['q8', 'bf16', 'f32'],
      name,
    )
  }
  for (const name of [
    '45-qwen2moe-f32',
    '71-gptoss-bf16-sharded',
    '01-base-bin-f32',
    '11-molm-like-bin-bf16-sharded',
    '111-deepseekv2-f32',
    '211-ling3-f32',
  ]) {
    assert.is(typeOf(name, 'q4'), 'bf16', name)
  }
  const config = JSON.parse(readFileSync(`${fixturePath('21-granitemoe-f32')}/config.json`, 'utf8'))
  const withAttention = (attention: WeightFormat) =>
    cacheTypeOf(parseConfig(config, 'granite'), { ...formatsFor('q4'), attention })
  assert.equal((['q4m', 'q3', 'q2', 'q8'] as const).map(withAttention), ['q8', 'q8', 'q8', 'bf16'])
  assert.is(cacheTypeOf(parseConfig(config, 'granite'), formatsFor('q4'), 'bf16'), 'bf16')
})

test('is not the default of stick-breaking attention, and a wrong type is refused', async () => {
  const path = fixturePath('01-base-bin-f32')
  await withModel(path, { threads: 1 }, (model) => assert.is(model.cacheType, 'bf16'))
  await withModel(path, { threads: 1, quant: 'f32' }, (model) => assert.is(model.cacheType, 'f32'))
  await withModel(path, { threads: 1, quant: 'f32', cacheType: 'bf16' }, (model) => assert.is(model.cacheType, 'bf16'))
  await rejectsWithUserError(
    () => withModel(path, { cacheType: 'q4' as CacheType }, () => undefined),
    /`cacheType` must be .*bf16.*q8/,
  )
})

/** Norm of the difference, relative to the norm of the expected numbers. */
function distance(found: Float32Array, expected: Float32Array): number {
  let difference = 0
  let size = 0
  for (const [i, x] of expected.entries()) {
    difference += (found[i] - x) ** 2
    size += x ** 2
  }
  return Math.sqrt(difference / size)
}

test.run()
