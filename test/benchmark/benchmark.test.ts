import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type BenchmarkRow, benchmark, spread } from '#molm/benchmark/benchmark.js'
import { type RowFormat, rowWriter } from '#molm/benchmark/format-rows.js'
import { hugePageBytes } from '#molm/benchmark/huge-pages.js'
import { loadModel } from '#molm/index.js'

const test = suite('benchmark')
const plan = { prompts: [4, 300], generate: 3, depths: [0, 40], repetitions: 2 }

test('a plan gives a row for each test at each depth, with samples and the streaming speed beside them', async () => {
  const model = await loadModel('nano', { threads: 2 })
  const rows: BenchmarkRow[] = []
  for await (const row of benchmark(model, plan)) rows.push(row)
  await model.dispose()
  assert.equal(
    rows.map(({ test, depth }) => [test, depth]),
    [
      ['pp4', 0],
      ['pp300', 0],
      ['tg3', 0],
      ['pp4', 40],
      ['pp300', 40],
      ['tg3', 40],
    ],
  )
  for (const row of rows) {
    assert.is(row.tokens_per_second.samples.length, 2)
    assert.ok(row.tokens_per_second.median > 0 && Number.isFinite(row.tokens_per_second.median))
    assert.ok(row.stream_gb_per_second > 0 && Number.isFinite(row.stream_gb_per_second))
    assert.ok(row.first_token_ms > 0)
    assert.is(row.active_bytes_per_token, model.info.activeBytes)
    assert.is(row.threads, 2)
  }
})

test('sequences at once give a row for each number of them, after each depth', async () => {
  const model = await loadModel('nano', { threads: 2 })
  const rows: BenchmarkRow[] = []
  const before = (await model.stats()).tokensProcessed
  for await (const row of benchmark(model, { ...plan, prompts: [], batches: [1, 3] })) rows.push(row)
  const { tokensProcessed, lastBatchTokens } = await model.stats()
  await model.dispose()
  assert.equal(
    rows.map(({ test, depth, batch }) => [test, depth, batch]),
    [
      ['tg3', 0, 1],
      ['tg3', 0, 3],
      ['tg3', 40, 1],
      ['tg3', 40, 3],
    ],
  )
  for (const { tokens_per_second, per_sequence, batch } of rows) {
    assert.is(per_sequence, tokens_per_second.median / batch)
    assert.ok(per_sequence > 0 && Number.isFinite(per_sequence))
  }
  // Two runs and one before them, of one sequence and of three: four tokens each, and those of the depth.
  assert.is(tokensProcessed - before, 3 * (1 + 3) * (4 + 4 + 40))
  assert.ok(lastBatchTokens >= 1)
})

test('spread gives the middle, the mean and the sample deviation', () => {
  assert.equal(spread([1, 2, 9]), { median: 2, mean: 4, sd: Math.sqrt(19), samples: [1, 2, 9] })
  assert.equal(spread([1, 2, 3, 10]).median, 2.5)
  assert.is(spread([5]).sd, 0)
})

const row: BenchmarkRow = {
  model: 'a, "b"',
  quant: 'q4',
  threads: 2,
  tier: 'relaxed',
  node: '20.0.0',
  test: 'tg64',
  depth: 8,
  batch: 1,
  tokens_per_second: spread([10, 12]),
  per_sequence: 11,
  active_bytes_per_token: 1e9,
  effective_gb_per_second: 11,
  stream_gb_per_second: 22,
  rss_bytes: 2 ** 20,
  huge_page_bytes: 2 ** 21,
  first_token_ms: 5,
}

const batch: BenchmarkRow = { ...row, depth: 1024, batch: 16, tokens_per_second: spread([160, 160]), per_sequence: 10 }

function written(format: RowFormat, second = row): string {
  const writer = rowWriter(format, second !== row)
  return writer.begin() + writer.row(row) + writer.row(second) + writer.end()
}

test('what lies in huge pages is told where the system tells it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'molm-'))
  const [told, silent] = ['told', 'silent'].map((name) => join(folder, name))
  writeFileSync(told, 'Rss:    900 kB\nAnonHugePages:     640 kB\nShmemPmdMapped:    0 kB\n')
  writeFileSync(silent, 'Rss:    900 kB\n')
  assert.is(hugePageBytes(told), 640 * 1024)
  assert.is(hugePageBytes(silent), null)
  assert.is(hugePageBytes(join(folder, 'missing')), null)
  rmSync(folder, { recursive: true })
  assert.match(written('table'), /; 2\.10 MB lies in huge pages\n/)
  assert.match(rowWriter('table').row({ ...row, huge_page_bytes: 0 }), /; nothing lies in huge pages\n/)
  assert.match(rowWriter('table').row({ ...row, huge_page_bytes: null }), /that the memory gives\n/)
})

test('json is one array, jsonl one object a line', () => {
  assert.equal(JSON.parse(written('json')), [row, row])
  const lines = written('jsonl').trimEnd().split('\n')
  assert.equal(
    lines.map((line) => JSON.parse(line)),
    [row, row],
  )
  const empty = rowWriter('json')
  assert.equal(JSON.parse(empty.begin() + empty.end()), [])
})

test('csv quotes what needs it, and every row has as many fields as the head', () => {
  const [head, first] = written('csv').split('\n')
  assert.ok(first.startsWith('"a, ""b""",q4,2,relaxed,20.0.0,tg64,8,1,11,'))
  assert.is(head.split(',').length, first.split(',').length - 1)
})

test('at a terminal the columns stand below one another, within 80 cells', () => {
  const [title, head, ...rows] = written('table').trimEnd().split('\n')
  assert.match(title, /^a, "b" as q4, relaxed kernels, Node 20\.0\.0;/)
  assert.is(rows.length, 2)
  for (const line of [head, ...rows]) assert.ok(line.length === head.length && line.length <= 80, line)
  assert.is(rows[0].indexOf('11.0 ± 1.4') + '11.0 ± 1.4'.length, head.indexOf('tokens/s') + 'tokens/s'.length)
})

test('what each sequence of a batch gets stands beside what all get, in place of what one alone reads', () => {
  const [, head, alone, together] = written('table', batch).split('\n')
  for (const line of [head, alone, together]) assert.ok(line.length === head.length && line.length <= 80, line)
  assert.ok(together.includes('tg64 x 16 @ 1024'))
  assert.is(together.indexOf('10.0') + 4, head.indexOf('each') + 4)
  assert.not.ok(head.includes('GB/s'))
  assert.match(
    written('md', batch).split('\n')[3],
    /\| tg64 x 16 @ 1024 \| 160\.0 ± 0\.0 \| 10\.0 \| {2}\| 22\.0 \| {2}\|/,
  )
})

test('the table shows the share of the streaming speed for decode only', () => {
  const lines = written('md').split('\n')
  assert.ok(lines[2].includes('| tg64 @ 8 |') && lines[2].includes('| 0.50 |'))
  assert.ok(
    rowWriter('md')
      .row({ ...row, test: 'pp64' })
      .includes('| pp64 @ 8 | 11.0 ± 1.4 |  |  | 22.0 |  |'),
  )
})

test.run()
