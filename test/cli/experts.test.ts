import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Atlas, AtlasEntry } from '#molm/index.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { assertRefused, molm, TINY } from './molm.js'

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

    const rows = (await readFile(trace, 'utf8'))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
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

test('wrong options are refused', async () => {
  const [twoForms, alsoFormat] = await Promise.all([
    molm(['experts', '--csv', '--json', 'words']),
    molm(['experts', '--csv', '--format', 'svg', 'words']),
  ])
  assertRefused(twoForms, 2, /--csv.*--json/)
  assertRefused(alsoFormat, 2, /--format.*--csv/)
  const refused = await Promise.all([
    molm(['experts', '-o', 'x.pdf', 'words']),
    molm(['experts', '-o', 'x', 'words']),
    molm(['experts', '--width', '39', 'words']),
    molm(['experts', '--width', '10001', 'words']),
    molm(['experts', '--width', '80', '-o', 'x.svg', 'words']),
    molm(['experts', '--width', '800', '--json', 'words']),
    molm(['experts', '--against', 'nano', '--tokens', 'words']),
  ])
  const ending = /the extension must be \.txt, \.json, \.csv, \.svg, \.png or \.html; or give --format/
  const why = [
    ending,
    ending,
    /from 40 to 10000/,
    /from 40 to 10000/,
    /at least 320 pixels/,
    /json has no width/,
    /--against/,
  ]
  for (const [i, result] of refused.entries()) assertRefused(result, 2, why[i])
  const [none, both, missing, format] = await Promise.all([
    molm(['experts']),
    molm(['experts', '--file', 'x', 'words']),
    molm(['experts', '--file', '/nonexistent/x.txt']),
    molm(['experts', '--format', 'pdf', 'words']),
  ])
  assertRefused(none, 2, /there is no text/)
  assertRefused(both, 2, /a prompt or --file/)
  assertRefused(missing, 1, /\/nonexistent\/x\.txt: no such file/)
  assertRefused(format, 2, /pdf/)
})

test('two models are compared on the same text', async () => {
  const { stdout, stderr } = await molm([
    'experts',
    '-m',
    TINY,
    '-t',
    '1',
    '--against',
    `${TINY}:q4`,
    '--json',
    '--quant',
    'q8',
    TEXT,
  ])
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

test('choices of a figure that the model or the format does not have are refused', async () => {
  const refused = await Promise.all([
    molm(['experts', '--layers', '4-6', TEXT]),
    molm(['experts', '--parts', 'maps', TEXT]),
    molm(['experts', '--json', '--only', 'mlp', TEXT]),
    molm(['experts', '--colour', 'rainbow', TEXT]),
    molm(['experts', '--colour', 'surprise', '--csv', TEXT]),
    molm(['experts', '--width', '4001', '-o', 'x.svg', TEXT]),
  ])
  const why = [
    /--layers: the model has layers 0 to 5, not 6/,
    /--parts must be a list of caption, map, difference, table, committee, tokens, not 'maps'/,
    /--only is for figures; json/,
    /--colour must be expert:LAYER.*not 'rainbow'/,
    /--colour is for text and html, not csv/,
    /at most 4000 pixels, not 4001/,
  ]
  for (const [i, result] of refused.entries()) assertRefused(result, 2, why[i])
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
    const [a, b] = await Promise.all([molm(['experts', '--file', latin]), molm(['experts', '--file', empty])])
    assertRefused(a, 1, /latin\.txt: line 1 is not valid UTF-8/)
    assertRefused(b, 1, /empty\.txt: the file is empty/)
  })
})

test('a trace needs a known extension and a writable path', async () => {
  const [ending, place] = await Promise.all([
    molm(['run', '--trace', 'trace.txt', 'words']),
    molm(['run', '--trace', '/nonexistent/trace.csv', 'words']),
  ])
  assertRefused(ending, 2, /\.csv or \.jsonl/)
  assertRefused(place, 1, /\/nonexistent\/trace\.csv: cannot be written \(there is no such folder/)
})

test.run()
