import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type BenchmarkRow, spread } from '#molm/lab/benchmark/benchmark.js'
import { type RowFormat, rowWriter } from '#molm/lab/commands/reports/benchmark-rows.js'

const test = suite('rows of a benchmark')

const row: BenchmarkRow = {
  model: 'a, "b"',
  quant: 'q4',
  cacheType: 'bf16',
  threads: 2,
  tier: 'relaxed',
  node: '20.0.0',
  test: 'tg64',
  depth: 8,
  batch: 1,
  tokensPerSecond: spread([10, 12]),
  perSequence: 11,
  shareOfStart: 0.5,
  expertsPerToken: { attention: 2, mlp: [4, 0, 3, 1] },
  activeBytesPerToken: 1e9,
  effectiveGbPerSecond: 11,
  streamGbPerSecond: 22,
  rssBytes: 2 ** 20,
  hugePageBytes: 2 ** 21,
  firstTokenMs: 5,
}

const batch: BenchmarkRow = { ...row, depth: 1024, batch: 16, tokensPerSecond: spread([160, 160]), perSequence: 10 }

function written(format: RowFormat, second = row): string {
  const writer = rowWriter(format, { withBatches: second !== row })
  return writer.begin + writer.row(row) + writer.row(second) + writer.end
}

test('a table shows the bytes in huge pages, if the system reports them', () => {
  assert.match(written('table'), /; 2\.10 MB in huge pages\n/)
  assert.match(rowWriter('table').row({ ...row, hugePageBytes: 0 }), /; nothing in huge pages\n/)
  assert.match(rowWriter('table').row({ ...row, hugePageBytes: null }), /read speed of the memory in GB\/s\n/)
})

const object = {
  model: 'a, "b"',
  quant: 'q4',
  cache_type: 'bf16',
  threads: 2,
  tier: 'relaxed',
  node: '20.0.0',
  test: 'tg64',
  depth: 8,
  batch: 1,
  tokens_per_second: row.tokensPerSecond,
  per_sequence: 11,
  share_of_start: 0.5,
  experts_per_token: { attention: 2, mlp: [4, 0, 3, 1] },
  active_bytes_per_token: 1e9,
  effective_gb_per_second: 11,
  stream_gb_per_second: 22,
  rss_bytes: 2 ** 20,
  huge_page_bytes: 2 ** 21,
  first_token_ms: 5,
}

test('a row says how many experts a token uses, of each kind', () => {
  assert.match(written('table'), /^a, "b" as q4 with a bf16 cache, 2,1-4 experts per token, relaxed kernels/)
  assert.match(written('md'), /\| relaxed \| 2,1-4 \| tg64 @ 8 \|/)
  assert.match(written('csv'), /,11,0\.5,"2,1-4",1000000000,/)
})

test('json is one array, jsonl one object per line, with names in snake case', () => {
  assert.is(written('json'), `[\n${JSON.stringify(object)},\n${JSON.stringify(object)}\n]\n`)
  assert.is(written('jsonl'), `${JSON.stringify(object)}\n`.repeat(2))
  const empty = rowWriter('json')
  assert.equal(JSON.parse(empty.begin + empty.end), [])
})

test('csv quotes values if needed, and every row has as many fields as the head', () => {
  const [head, first] = written('csv').split('\n')
  assert.ok(first.startsWith('"a, ""b""",q4,2,relaxed,20.0.0,tg64,8,1,11,'))
  assert.is(head.split(',').length, first.split(',').length - 2)
})

test('on a terminal the columns are aligned within 80 cells', () => {
  const [title, head, ...rows] = written('table').trimEnd().split('\n')
  assert.match(title, /^a, "b" as q4 with a bf16 cache, 2,1-4 experts per token, relaxed kernels, Node 20\.0\.0;/)
  assert.is(rows.length, 2)
  for (const line of [head, ...rows]) assert.ok(line.length === head.length && line.length <= 80, line)
  assert.is(rows[0].indexOf('11.0 ± 1.4') + '11.0 ± 1.4'.length, head.indexOf('tokens/s') + 'tokens/s'.length)
})

test('a batch shows the speed of all sequences and of each, instead of GB/s', () => {
  const [, head, alone, together] = written('table', batch).split('\n')
  for (const line of [head, alone, together]) assert.ok(line.length === head.length && line.length <= 80, line)
  assert.ok(together.includes('tg64 x 16 @ 1024'))
  assert.is(together.indexOf('10.0') + 4, head.indexOf('each') + 4)
  assert.not.ok(head.includes('GB/s'))
  assert.match(
    written('md', batch).split('\n')[3],
    /\| tg64 x 16 @ 1024 \| 160\.0 ± 0\.0 \| 10\.0 \| 0\.50 \| {2}\| 22\.0 \| {2}\|/,
  )
})

test('the table shows the share of the streaming speed for decode only', () => {
  const lines = written('md').split('\n')
  assert.ok(lines[2].includes('| tg64 @ 8 |') && lines[2].includes('| 0.50 |'))
  assert.ok(
    rowWriter('md')
      .row({ ...row, test: 'pp64' })
      .includes('| pp64 @ 8 | 11.0 ± 1.4 |  | 0.50 |  | 22.0 |  |'),
  )
})

test('on a terminal, several depths show the share of the speed at depth 0 within 80 cells', () => {
  const writer = rowWriter('table', { withDepths: true })
  const start = writer.row({ ...row, depth: 0, shareOfStart: null })
  const [title, ...lines] = `${start}${writer.row(row)}`.trimEnd().split('\n')
  assert.match(title, /; of @ 0: share of the speed at depth 0;/)
  for (const line of lines) assert.ok(line.length <= 80 && line.length === lines[0].length, line)
  const end = lines[0].indexOf('of @ 0') + 'of @ 0'.length
  assert.is(lines[1].slice(end - 4, end), '    ')
  assert.is(lines[2].slice(end - 4, end), '0.50')
})

test.run()
