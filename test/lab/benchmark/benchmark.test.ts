import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { loadModel, type Model } from '#molm/index.js'
import { type BenchmarkRow, benchmark, hugePageBytes, spread } from '#molm/lab/benchmark/benchmark.js'
import { fixturePath } from '../../support/fixtures.js'

const test = suite<{ model: Model }>('benchmark', undefined as unknown as { model: Model })

test.before(async (context) => {
  context.model = await loadModel(fixturePath('01-base-bin-f32'), { threads: 2 })
})

test.after(({ model }) => model.dispose())

const plan = { prompts: [4], generate: 3, depths: [0, 40], repetitions: 2 }

test('a plan gives a row for each test at each depth, with samples and the streaming speed', async ({ model }) => {
  const rows: BenchmarkRow[] = []
  for await (const row of benchmark(model, plan)) rows.push(row)
  assert.equal(
    rows.map(({ test, depth }) => [test, depth]),
    [
      ['pp4', 0],
      ['tg3', 0],
      ['pp4', 40],
      ['tg3', 40],
    ],
  )
  for (const row of rows) {
    assert.is(row.tokensPerSecond.samples.length, 2)
    assert.ok(row.tokensPerSecond.median > 0 && Number.isFinite(row.tokensPerSecond.median))
    assert.ok(row.streamGbPerSecond > 0 && Number.isFinite(row.streamGbPerSecond))
    assert.ok(row.firstTokenMs > 0)
    assert.equal(row.expertsPerToken, { attention: 2, mlp: 2 })
    assert.is(row.activeBytesPerToken, model.info.activeBytes)
    assert.is(row.threads, 2)
  }
})

test('batches give a row for each number of sequences at each depth', async ({ model }) => {
  const rows: BenchmarkRow[] = []
  const before = (await model.stats()).tokensProcessed
  for await (const row of benchmark(model, { ...plan, prompts: [], batches: [1, 3] })) rows.push(row)
  const { tokensProcessed, lastBatchTokens } = await model.stats()
  assert.equal(
    rows.map(({ test, depth, batch }) => [test, depth, batch]),
    [
      ['tg3', 0, 1],
      ['tg3', 0, 3],
      ['tg3', 40, 1],
      ['tg3', 40, 3],
    ],
  )
  for (const { tokensPerSecond, perSequence, batch } of rows) {
    assert.is(perSequence, tokensPerSecond.median / batch)
    assert.ok(perSequence > 0 && Number.isFinite(perSequence))
  }
  const [one, three, ...deeper] = rows
  assert.equal(
    [one, three, ...deeper].map(({ shareOfStart }) => shareOfStart),
    [
      null,
      null,
      deeper[0].tokensPerSecond.median / one.tokensPerSecond.median,
      deeper[1].tokensPerSecond.median / three.tokensPerSecond.median,
    ],
  )
  // A warm-up and two runs, with one sequence and with three: four tokens each. The depth is read once, its last token
  // before each run.
  assert.is(tokensProcessed - before, (1 + 3) * (3 * (4 + 4) + 40 + 2))
  assert.ok(lastBatchTokens >= 1)
})

test('spread gives the median, the mean and the sample deviation', () => {
  assert.equal(spread([1, 2, 9]), { median: 2, mean: 4, sd: Math.sqrt(19), samples: [1, 2, 9] })
  assert.equal(spread([1, 2, 3, 10]).median, 2.5)
  assert.is(spread([5]).sd, 0)
})

test('bytes in huge pages are reported if the system reports them', () => {
  const folder = mkdtempSync(join(tmpdir(), 'molm-'))
  const [told, silent] = ['told', 'silent'].map((name) => join(folder, name))
  writeFileSync(told, 'Rss:    900 kB\nAnonHugePages:     640 kB\nShmemPmdMapped:    0 kB\n')
  writeFileSync(silent, 'Rss:    900 kB\n')
  assert.is(hugePageBytes(told), 640 * 1024)
  assert.is(hugePageBytes(silent), null)
  assert.is(hugePageBytes(join(folder, 'missing')), null)
  rmSync(folder, { recursive: true })
})

test.run()
