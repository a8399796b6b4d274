import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Atlas, AtlasEntry } from '#molm/index.js'
import { putReport } from '#molm/lab/commands/experts/experts-report.js'
import type { Report } from '#molm/lab/commands/experts/mode.js'
import { thrownBy } from '../support/rejects.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { unpackedPage } from '../support/unpacked-page.js'
import { assertAllRefused, molm, parseLines, TINY } from './molm.js'

const COMMITTEES = Array(6).fill({ experts: [0], share: 1, gini: 0, fairness: 1 })
const named = (count: number): AtlasEntry[][] =>
  Array(6).fill(Array(count).fill({ share: 0, tokens: [], texts: [], name: 'brackets' }))
const TEXT = 'The lantern is lit, and the old man said nothing.'

type Read = { token: number; text: string; experts: { mlp: { ids: number[]; gates: number[] } }[] }[]

test('experts, run and its trace report the same experts, which are counted', () =>
  inTemporaryFolder(async (dir) => {
    const trace = join(dir, 'trace.jsonl')
    const run = ['run', '--raw', '--temperature', '0', '-n', '4', '--ignore-eos', '--experts', '--json']
    const { text, tokens, experts, prompt_tokens } = JSON.parse((await molm([...run, '--trace', trace, TEXT])).stdout)
    const { model, texts } = JSON.parse((await molm(['experts', '--json', '--tokens', TEXT + text])).stdout)
    assert.is(model, 'nano')
    const [{ usage, entropy, fairness }] = texts
    const read: Read = texts[0].per_token
    assert.is(read.map((entry) => entry.text).join(''), TEXT + text)
    const tail = read.slice(-tokens.length)
    assert.equal(
      tail.map(({ token }) => token),
      tokens,
    )
    const idsOf = (layers: Read[0]['experts']) => layers.map(({ mlp }) => mlp.ids)
    assert.equal(
      experts.map(idsOf),
      tail.map((entry) => idsOf(entry.experts)),
    )
    for (const [layer, counts] of (usage.mlp as number[][]).entries()) {
      const chosen = read.flatMap((entry) => entry.experts[layer].mlp.ids)
      assert.equal(
        counts,
        Array.from({ length: 24 }, (_, expert) => chosen.filter((id) => id === expert).length),
      )
    }
    assert.equal([entropy.mlp.length, fairness.attention.length], [6, 6])

    const rows = parseLines(await readFile(trace, 'utf8'))
    // A row for each token but the last, layer, and one of two attention and four MLP experts.
    assert.is(rows.length, (prompt_tokens + tokens.length) * 6 * (2 + 4))
    const found = rows.filter(({ index, layer, kind }) => index === 3 && layer === 5 && kind === 'mlp')
    assert.equal(
      found.map(({ expert, rank }) => [expert, rank]),
      experts[3][5].mlp.ids.map((id: number, rank: number) => [id, rank]),
    )
    assert.is(found[0].token, tokens[3])
    assert.equal(
      found.map(({ gate }) => Math.fround(gate)),
      experts[3][5].mlp.gates.map(Math.fround),
    )
    assert.is(rows[0].index, -prompt_tokens)
  }))

test('files are compared, and specialists get their names from an atlas', () =>
  inTemporaryFolder(async (dir) => {
    const [prose, code, names] = ['prose.txt', 'code.js', 'names.json'].map((name) => join(dir, name))
    await writeFile(prose, 'And he said unto them, the old man and the sea are in the house of the king. '.repeat(6))
    await writeFile(code, 'function add(a, b) {\n  return a + b;\n}\nlet x = add(1, 2);\n'.repeat(6))
    await writeFile(names, JSON.stringify(ATLAS))
    const { code: exit, stdout, stderr } = await molm(['experts', '--file', prose, '--file', code, '--names', names])
    assert.equal([exit, stderr], [0, ''])
    assert.match(stdout, /prose\.txt against code\.js/)
    assert.match(stdout, /Most specialised experts(.*\n)+.*brackets/)
    assert.not.ok(stdout.includes('\x1b'))
  }))

test('--csv is --format csv, whatever the extension of the file', () =>
  inTemporaryFolder(async (dir) => {
    const file = join(dir, 'usage.html')
    assert.is((await molm(['experts', '--csv', '-o', file, TEXT])).stdout, '')
    assert.match(
      await readFile(file, 'utf8'),
      /^text_name,layer,kind,expert,count,share,gate_mass,entropy,fairness\r?\nprompt,0,attention,0,/,
    )
  }))

test('wrong options, and choices that the model or the format does not have, are refused', async () => {
  const ending = /the extension must be \.txt, \.json, \.csv, \.svg, \.png or \.html; or give --format/
  await assertAllRefused('experts', [
    ['--csv --json words', /--csv.*--json/],
    ['--csv --format svg words', /--format.*--csv/],
    ['-o x.pdf words', ending],
    ['-o x words', ending],
    ['--width 39 words', /from 40 to 10000/],
    ['--width 10001 words', /from 40 to 10000/],
    ['--width 80 -o x.svg words', /at least 320 pixels/],
    ['--width 4001 -o x.svg words', /at most 4000 pixels, not 4001/],
    ['--width 800 --json words', /json has no width/],
    ['--against nano --tokens words', /--against/],
    [[], /there is no text/],
    ['--file x words', /a prompt or --file/],
    ['--file /nonexistent/x.txt', /\/nonexistent\/x\.txt: no such file/, 1],
    ['--format pdf words', /pdf/],
    ['--layers 4-6 words', /--layers: the model has layers 0 to 5, not 6/],
    ['--parts maps words', /--parts must be a list of caption, map, difference, table, committee, tokens, not 'maps'/],
    ['--json --only mlp words', /--only is for figures; json/],
    ['--colour rainbow words', /--colour must be expert:LAYER.*not 'rainbow'/],
    ['--colour surprise --csv words', /--colour is for text and html, not csv/],
  ])
})

test('two models are compared on the same text', async () => {
  const models = ['-m', TINY, '--quant', 'q8', '--against', `${TINY}:q4`]
  const { stdout, stderr } = await molm(['experts', ...models, '-t', '1', '--json', TEXT])
  const { texts, ...about } = JSON.parse(stdout)
  assert.equal(about, { model: '01-base-bin-f32', quant: 'q8', against: { model: `${TINY}:q4`, quant: 'q4' } }, stderr)
  for (const kind of ['attention', 'mlp']) {
    assert.ok(texts[0].overlap[kind].every((share: number) => share > 0.5 && share <= 1))
    assert.ok(texts[0].mean[kind].overlap < 1)
  }
})

test('a figure shows chosen layers, kinds and parts, under its own title', async () => {
  await inTemporaryFolder(async (dir) => {
    const svg = join(dir, 'out.SVG')
    const chosen = ['--layers', '1-2,4', '--only', 'mlp', '--title', '', '--parts', 'map,tokens']
    const text = await molm(['experts', ...chosen, TEXT])
    const drawn = await molm(['experts', ...chosen, '-o', svg, TEXT])
    assert.match(text.stdout, /^share of the tokens/, text.stderr)
    assert.match(text.stdout, /^token +1 {2}2 {2}4$/m)
    assert.not.match(text.stdout, /attention|woke/)
    assert.equal(drawn, { code: 0, signal: null, stdout: '', stderr: `molm: written: ${svg}\n` })
    const layers = [...(await readFile(svg, 'utf8')).matchAll(/data-layer="(\d)"/g)].map(([, layer]) => layer)
    assert.equal(layers, ['1', '2', '4'])
  })
})

test('a page has what the experts of chosen tokens say, and a text that of one', async () => {
  await inTemporaryFolder(async (dir) => {
    const page = join(dir, 'out.html')
    const { stderr } = await molm(['experts', '--lens', '--token', '0,2-3', '-o', page, TEXT])
    assert.is(stderr, `molm: written: ${page}\n`)
    const [, voices] = /class="voices">(.*?)<\/script>/.exec(unpackedPage(await readFile(page, 'utf8'))) ?? []
    const { stdout } = await molm(['experts', '--lens', '--token', '3', '--json', TEXT])
    const { experts } = JSON.parse(stdout)
    assert.equal(Object.keys(JSON.parse(voices)), ['0', '2', '3'])
    const [first] = JSON.parse(voices)[3]
    assert.equal(
      [first.layer, first.kind, first.expert, first.up[0].text],
      [...[experts[0].layer, experts[0].kind, experts[0].expert, experts[0].up[0].text]],
    )
  })
  await assertAllRefused('experts --lens', [
    ['--token 1,2 words', /--token takes several numbers only for a page: -o FILE.html/],
    ['--token 99 words', /--token must be below \d, the tokens of the text/],
    ['--token x words', /--token must be a list like 3,7-9, not 'x'/],
  ])
})

test('a text is coloured by its experts', async () => {
  const { stdout, stderr } = await molm(['experts', '--colour', 'expert:3', TEXT], { env: { FORCE_COLOR: '3' } })
  assert.match(stdout, /^prompt, \d+ tokens, coloured by the strongest mlp expert of layer 3\n/, stderr)
  assert.match(stripVTControlCharacters(stdout), /\n +\d+ +\d+\.\d %.*\n/)
  assert.is(stripVTControlCharacters(stdout).split('\n').at(-2), TEXT)
})

/** An atlas of nano that gives all experts one name. */
const ATLAS: Atlas = {
  format: 'molm-atlas',
  version: 1,
  model: { name: 'nano', experts: { attention: Array(6).fill(8), mlp: Array(6).fill(24) } },
  texts: [],
  named: 192,
  confirmed: 192,
  entries: { attention: named(8), mlp: named(24) },
  committees: { attention: COMMITTEES, mlp: COMMITTEES },
}

test('files that are empty or not UTF-8 are refused', async () => {
  await inTemporaryFolder(async (dir) => {
    const [latin, empty] = [join(dir, 'latin.txt'), join(dir, 'empty.txt')]
    await writeFile(latin, Buffer.from('caf\xe9', 'latin1'))
    await writeFile(empty, '')
    await assertAllRefused('experts --file', [
      [[latin], /latin\.txt: line 1 is not valid UTF-8/, 1],
      [[empty], /empty\.txt: the file is empty/, 1],
    ])
  })
})

test('a report that cannot be finished leaves the former file', () =>
  inTemporaryFolder(async (dir) => {
    const output = join(dir, 'report.csv')
    await writeFile(output, 'former')
    const pieces = function* () {
      yield 'begun'
      throw new Error('no more')
    }
    const report: Report = { figure: () => assert.unreachable() as never, json: pieces, csv: pieces }
    const error = await thrownBy(putReport(report, 'csv', { output }))
    assert.is((error as Error).message, 'no more')
    assert.is(await readFile(output, 'utf8'), 'former')
    assert.equal(await readdir(dir), ['report.csv'])
  }))

test('a trace needs a known extension and a writable path', async () => {
  await assertAllRefused('run --trace', [
    ['trace.txt words', /\.csv or \.jsonl/],
    ['/nonexistent/trace.csv words', /\/nonexistent\/trace\.csv: cannot be written \(there is no such folder/, 1],
  ])
})

test.run()
