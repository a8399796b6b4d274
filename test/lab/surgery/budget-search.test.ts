import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { loadModel, type Model } from '#molm/index.js'
import { WholePredictions } from '#molm/lab/surgery/acceptance.js'
import { BudgetSearch, type SearchOptions } from '#molm/lab/surgery/budget-search.js'
import { maskOf } from '#molm/lab/surgery/selection.js'
import { fixturePath } from '../../support/fixtures.js'
import { integers } from '../../support/random.js'
import { softmax } from '../../support/reference-layers.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'

const test = suite<{ model: Model }>('expected acceptance')

test.before(async (context) => {
  context.model = await loadModel(fixturePath('02-base-safetensors-f32'), { threads: 1 })
})

test.after(({ model }) => model.dispose())

test('is the sum of the smaller probabilities, and 1 without a mask', async ({ model }) => {
  const tokens = integers(200, 3, model.config.vocabSize)
  const whole = await WholePredictions.read(model, [tokens], { most: 256 })
  assert.equal(
    whole.parts.map(({ length }) => length),
    [128, 72],
  )
  const none = model.config.mixtures.map(({ experts }) => experts.map((): number[] => []))
  const mask = { attention: none[0], mlp: none[1].map(() => [0, 1]), gates: 'kept' as const }
  const same = await whole.acceptance({ ...mask, mlp: none[1] })
  for (const one of same) assert.ok(Math.abs(one - 1) < 1e-6)

  const [first] = await whole.acceptance(mask)
  const part = tokens.slice(0, 128)
  const { logits: p } = await model.createSession().forward(part, { logits: 'all' })
  const { logits: q } = await model.createSession({ mask }).forward(part, { logits: 'all' })
  const V = model.config.vocabSize
  let sum = 0
  for (let t = 0; t < 128; t++) {
    const [ofWhole, ofPart] = [p, q].map((logits) => softmax([...logits.subarray(t * V, (t + 1) * V)]))
    sum += ofWhole.reduce((total, value, i) => total + Math.min(value, ofPart[i]), 0)
  }
  assert.ok(Math.abs(first - sum / 128) < 1e-6)
  assert.ok(first < 0.999)
})

test('a search keeps the share, rises above its first choice, and resumes from its journal to the same choice', ({
  model,
}) =>
  inTemporaryFolder(async (dir) => {
    const { mixtures, vocabSize } = model.config
    const search = await BudgetSearch.on(model, [integers(600, 3, vocabSize)], { window: 200 })
    const journal = join(dir, 'search')
    const options: SearchOptions = { keep: 0.75, ms: Infinity }
    let measured = 0
    const first = await search.run({ ...options, ms: 0, onMeasure: () => measured++ })
    assert.is(measured, 0, 'without time only the first choice is measured')
    const found = await search.run(options)
    assert.ok(found.acceptance > first.acceptance)
    for (const { kind, experts, topK } of mixtures) {
      const counts = found.counts[kind] ?? []
      const sum = (numbers: number[]) => numbers.reduce((total, number) => total + number, 0)
      assert.is(sum(counts), sum(experts.map((count) => Math.round(0.75 * count))))
      assert.ok(counts.every((count, layer) => count >= topK && count <= experts[layer]))
      assert.equal(
        found.selection[kind]?.map(({ length }) => length),
        counts,
      )
    }

    const stop = new AbortController()
    const stopped = {
      ...options,
      journal,
      signal: stop.signal,
      onMeasure: (_: unknown, n: number) => n > 9 && stop.abort(),
    }
    assert.ok(await search.run(stopped).catch((error: unknown) => error === stop.signal.reason))
    const lines = async () => (await readFile(journal, 'utf8')).trimEnd().split('\n')
    const before = await lines()
    assert.is(before.length, 1 + 10)
    assert.equal(await search.run({ ...options, journal }), found)
    const after = await lines()
    assert.equal(after.slice(0, before.length), before)
    assert.is(new Set(after.map((line) => line.split('",[')[0])).size, after.length)
    const again = await search.run({ ...options, journal })
    assert.equal([again, await lines()], [found, after])

    const whole = await WholePredictions.read(model, [integers(600, 3, vocabSize)], { most: 1024 })
    const means = await whole.acceptance(maskOf(found.selection, model.config, found.gates))
    assert.is(whole.meanOf(means), found.acceptance)
  }))

test.run()
