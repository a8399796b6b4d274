import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { knownModel, knownModels, type Quant } from '#molm/index.js'
import { nameHint, rowOf, sourcesOf } from '#molm/library/catalogue/known-names.js'
import { MODEL_ROWS, type ModelRow } from '#molm/library/catalogue/model-rows.js'
import { isRepository } from '#molm/library/hub/transfer/repository.js'

const SLOW = { q4: 1e10, q4m: 1e10, q8: 1e10, mxfp4: 1e10 }
const COMPUTER = { speed: { streamed: SLOW, products: SLOW, call: 5e-6 }, memory: 8e9 }

const named = (name: string) => rowOf(name)?.name

test('a word means the first row with it, and a tag chooses another', () => {
  assert.equal(['granite', 'Granite:3B', 'lfm2', 'lfm2.5', 'qwen3:30b'].map(named), [
    'granite:1b',
    'granite:3b',
    'lfm2:8b',
    'lfm2.5:8b',
    'qwen3:30b',
  ])
  assert.equal(['granite:7b', 'gran', 'nano', 'org/granite', ''].map(named), Array(5).fill(undefined))
})

test('a word that is in no row is explained by the rows that are near', () => {
  assert.is(nameHint('grantie'), 'did you mean granite?')
  assert.is(nameHint('gpt-os'), 'did you mean gpt-oss?')
  assert.is(nameHint('granite:7b'), 'there is granite:1b and granite:3b')
  for (const word of ['lighthouse', 'org/granite', 'x']) assert.is(nameHint(word), undefined, word)
})

test('a GGUF file is fetched first, and the checkpoint if another packing is wanted', () => {
  const row = rowOf('olmoe') as ModelRow
  const [file, checkpoint] = ['allenai/OLMoE-1B-7B-0125-Instruct-GGUF:Q4_K_M', 'allenai/OLMoE-1B-7B-0125-Instruct']
  assert.equal(
    [sourcesOf(row), sourcesOf(row, 'q8')],
    [
      [file, checkpoint],
      [checkpoint, file],
    ],
  )
  assert.equal(sourcesOf(rowOf('molm') as ModelRow), ['ibm-research/MoLM-350M-4B'])
})

test('no two rows share a name, and files have 4 to 5.5 bits a parameter', async () => {
  assert.is(new Set(MODEL_ROWS.map(({ name }) => name)).size, MODEL_ROWS.length)
  const models = await knownModels(COMPUTER)
  for (const [i, { name, checkpoint, gguf, published }] of MODEL_ROWS.entries()) {
    assert.match(name, /^[a-z][a-z0-9.-]*:\d+[bm]$/)
    assert.match(published, /^20\d\d-(0[1-9]|1[0-2])$/)
    assert.ok(isRepository(checkpoint), checkpoint)
    const { fetchBytes, parameters, packedBytes } = models[i]
    if (!gguf) continue
    assert.ok(isRepository(gguf.source.split(':')[0]), gguf.source)
    const bits = (8 * fetchBytes) / parameters
    assert.ok(bits > 4 && bits < 5.5, `${name}: ${bits} bits a parameter`)
    assert.ok(packedBytes > 0.95 * fetchBytes && packedBytes < 1.3 * fetchBytes, `${name}: packed in ${packedBytes}`)
    assert.match(gguf.sha256 ?? '0'.repeat(64), /^[0-9a-f]{64}$/)
  }
})

test('another packing than the file has is made of the checkpoint, and costs what that takes', async () => {
  const of = (name: string, quant?: Quant) => knownModel(name, quant, COMPUTER)
  const [file, packed, asked] = [await of('granite'), await of('granite:q8'), await of('granite', 'q8')]
  assert.is(file?.source, 'bartowski/granite-3.1-1b-a400m-instruct-GGUF:Q4_K_M')
  assert.equal([packed?.source, packed?.name], ['ibm-granite/granite-3.1-1b-a400m-instruct', 'granite:1b'])
  assert.equal(asked, packed)
  assert.is(Math.round((packed?.fetchBytes ?? 0) / 1e7), 267)
  assert.ok((packed?.packedBytes ?? 0) > 1.3 * (file?.packedBytes ?? Infinity))
  assert.is(await of('org/granite'), undefined)
})

test('models fit by three quarters of the memory; others have the speed of a disk', async () => {
  const fits = async (memory: number) =>
    Object.fromEntries((await knownModels({ ...COMPUTER, memory })).map(({ name, fits }) => [name, fits]))
  const small = await fits(4e9)
  assert.equal([small['granite:1b'], small['lfm2:8b'], small['qwen3:30b']], ['whole', 'partly', 'partly'])
  assert.is((await fits(1e9))['qwen3:30b'], 'no')
  const [slow, quick] = await Promise.all([16e9, 64e9].map((memory) => knownModels({ ...COMPUTER, memory })))
  const at = slow.findIndex(({ name }) => name === 'qwen3:30b')
  assert.equal([slow[at].fits, quick[at].fits], ['partly', 'whole'])
  assert.ok(slow[at].speed.decode < quick[at].speed.decode)
})

test.run()
