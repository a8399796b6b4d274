import { readFileSync } from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { cacheTypeOf, parseConfig } from '#molm/architectures/index.js'
import type { CacheType, Model } from '#molm/index.js'
import { formatsFor, type Quant, type WeightFormat } from '#molm/packing/format/formats.js'
import { sameBits } from '../support/compare.js'
import { fixturePath } from '../support/fixtures.js'
import { logitsInPieces } from '../support/forward-here.js'
import { withLoaded } from '../support/loaded-model.js'
import { withModel } from '../support/models.js'
import { rejectsWithUserError } from '../support/rejects.js'

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
  '152-smallthinker-window-bf16-sharded',
]

const VARIANTS = [
  { threads: 1, tier: 'scalar' },
  { threads: 2, tier: 'relaxed' },
  { threads: 3, tier: 'plain' },
] as const

const TOKENS = Array.from({ length: 300 }, (_, i) => (i * 31 + (i >> 3)) % 60)

for (const name of FIXTURES) {
  test(`of ${name}: the same bits in any pieces, after cuts, on every tier and with 1 to 3 threads`, async () => {
    const options = { quant: 'q4', positions: 512 } as const
    const logitsOf = (cacheType: CacheType, variant: (typeof VARIANTS)[number], cuts: number[], pieces: number[][]) =>
      withLoaded(fixturePath(name), { ...options, ...variant, cacheType }, ({ model }) =>
        pieces.map((sizes) => logitsInPieces(model, TOKENS, sizes, cuts)),
      )
    const [exact] = await logitsOf('bf16', VARIANTS[1], [], [[300]])
    let first: Float32Array | undefined
    for (const variant of VARIANTS) {
      const pieces = variant.tier === 'scalar' ? [[300]] : [[300], [1, 2, 30, 60, 7, 157, 1, 42]]
      for (const found of await logitsOf('q8', variant, variant.threads === 3 ? [299, 130] : [], pieces)) {
        first ??= found
        sameBits(found, first, `${variant.tier}, ${variant.threads} threads`)
      }
    }
    const difference = distance(first ?? exact, exact)
    assert.ok(difference > 0 && difference < 0.1, `relative difference ${difference}`)
  })
}

test('gives a sequence the same text in any company', async () => {
  await withModel(fixturePath('22-granitemoe-bf16-sharded'), { threads: 2, cacheType: 'q8' }, async (model) => {
    const starts = [0, 50, 120].map((n) => TOKENS.slice(n, n + 40 + n))
    const alone: number[][] = []
    for (const start of starts) alone.push(await textOf(model, start))
    assert.equal(await Promise.all(starts.map((start) => textOf(model, start))), alone)
  })
})

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

test('is the default of softmax attention with weights of few bits, unless its keys have biases', () => {
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
    '101-ernie45moe-f32',
    '152-smallthinker-window-bf16-sharded',
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
  await withModel('nano', { threads: 1 }, (model) => assert.is(model.cacheType, 'bf16'))
  await withModel('nano', { threads: 1, quant: 'f32' }, (model) => assert.is(model.cacheType, 'f32'))
  await withModel('nano', { threads: 1, quant: 'f32', cacheType: 'bf16' }, (model) =>
    assert.is(model.cacheType, 'bf16'),
  )
  await rejectsWithUserError(
    () => withModel('nano', { cacheType: 'q4' as CacheType }, () => undefined),
    /`cacheType` must be .*bf16.*q8/,
  )
})

/** Norm of the difference, relative to that of the expected numbers. */
function distance(found: Float32Array, expected: Float32Array): number {
  let difference = 0
  let size = 0
  for (const [i, x] of expected.entries()) {
    difference += (found[i] - x) ** 2
    size += x ** 2
  }
  return Math.sqrt(difference / size)
}

async function textOf(model: Model, prompt: readonly number[]): Promise<number[]> {
  const session = model.createSession()
  const tokens: number[] = []
  for await (const { token } of session.generate(prompt, { maxTokens: 12, seed: 3, ignoreEos: true }))
    tokens.push(token)
  session.dispose()
  return tokens
}

test.run()
