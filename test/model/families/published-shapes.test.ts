import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { summariseParts } from '#molm/library/files/model-info.js'
import { publishedFormats } from '#molm/model/families/index.js'
import { PUBLISHED_SHAPES, type PublishedShape, publishedShape } from '#molm/model/families/published-shapes.js'

/** Parameters in billions, as their makers give them or as the shapes of the published tensors add up. */
const PARAMETERS: Partial<Record<PublishedShape, { total: number; active: number }>> = {
  'granite-1b-a400m': { total: 1.335, active: 0.43 },
  'granite-3b-a800m': { total: 3.299, active: 0.88 },
  'granite-4.0-h-tiny': { total: 6.939, active: 1.47 },
  'granite-4.0-h-small': { total: 32.21, active: 8.8 },
  'granite-swash-3b-a600m': { total: 3.02, active: 0.6 },
  'olmoe-1b-7b': { total: 6.919, active: 1.18 },
  'qwen3-30b-a3b': { total: 30.53, active: 3.04 },
  'qwen3.6-35b-a3b': { total: 34.66, active: 2.95 },
  'mixtral-8x7b': { total: 46.7, active: 12.75 },
  'lfm2-8b-a1b': { total: 8.34, active: 1.56 },
  'lfm2.5-8b-a1b': { total: 8.47, active: 1.69 },
  'lfm2-24b-a2b': { total: 23.84, active: 2.33 },
  'mellum2-12b': { total: 12.15, active: 2.21 },
  'gemma4-26b-a4b': { total: 25.23, active: 3.82 },
  'deepseek-v2-lite': { total: 15.706, active: 2.45 },
  'moonlight-16b-a3b': { total: 15.96, active: 2.58 },
  'glm-4.7-flash': { total: 29.9, active: 3.58 },
  'ling-mini-2.0': { total: 16.26, active: 1.11 },
  'ling-3.0-tiny': { total: 7.893, active: 1.14 },
  'kimi-linear-48b-a3b': { total: 49.1, active: 3.11 },
  'trinity-nano': { total: 6.12, active: 0.82 },
  'trinity-mini': { total: 26.12, active: 3.06 },
  'ernie-21b-a3b': { total: 21.83, active: 3 },
  'gpt-oss-20b': { total: 20.91, active: 3.61 },
  'emo-1b14b': { total: 13.57, active: 1.28 },
  'smallthinker-4b': { total: 4.035, active: 0.86 },
  'zaya1-8b': { total: 8.84, active: 1.29 },
}

const billions = (count: number, like: number) => Number((count / 1e9).toFixed(`${like}`.split('.')[1]?.length ?? 0))

for (const [name, { total, active }] of Object.entries(PARAMETERS)) {
  test(`${name} has the parameters of the published model`, () => {
    const config = publishedShape(name as PublishedShape)
    const { parts } = summariseParts(config, publishedFormats(config, 'q4'))
    const sum = (field: 'parameters' | 'active') => parts.reduce((all, part) => all + part[field], 0)
    const again = config.tieWordEmbeddings ? (parts.find(({ name }) => name === 'head')?.parameters ?? 0) : 0
    assert.is(billions(sum('parameters') - again, total), total)
    assert.is(billions(sum('active'), active), active)
  })
}

test('experts have the format that the published model stores', () => {
  const formatOf = (name: PublishedShape) => publishedFormats(publishedShape(name), 'q4').mlp
  assert.equal([formatOf('gpt-oss-20b'), formatOf('lfm2-8b-a1b')], ['mxfp4', 'q4'])
})

test('every shape is one that molm runs', () => {
  for (const name of PUBLISHED_SHAPES) assert.ok(publishedShape(name).layers > 0, name)
})

test.run()
