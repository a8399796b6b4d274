import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { loadModel } from '#molm/index.js'
import { routesOf } from '../support/routes.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { assertRefused, molm } from './molm.js'

const TEXT = 'The lantern is lit, and the old man said nothing.'

test('the json of a prompt counts what forward routes', async () => {
  const { stdout, stderr } = await molm(['experts', '--json', '--tokens', TEXT])
  const { model: name, texts } = JSON.parse(stdout)
  assert.is(name, 'nano', stderr)
  const [text] = texts
  const model = await loadModel('nano')
  try {
    const ids = model.tokenizer.encode(TEXT)
    const { routes = [] } = await model.createSession().forward(ids, { routes: true })
    assert.is(text.tokens, ids.length)
    for (const [layer, experts] of routes.entries()) {
      const [attention, mlp] = [routesOf(experts, 'attention'), routesOf(experts, 'mlp')]
      assert.is(text.usage.attention[layer][attention.ids[0]] > 0, true)
      const counts = Array.from({ length: 24 }, (_, expert) => mlp.ids.filter((id) => id === expert).length)
      assert.equal(text.usage.mlp[layer], counts)
      assert.equal(text.per_token[2].experts[layer].mlp.ids, [...mlp.ids.subarray(8, 12)])
    }
    assert.is(text.per_token.map((entry: { text: string }) => entry.text).join(''), TEXT)
    assert.is(text.entropy.mlp.length, 6)
    assert.is(text.fairness.attention.length, 6)
  } finally {
    await model.dispose()
  }
})

test('files are compared, and the ending of --output chooses the format', async () => {
  await inTemporaryFolder(async (dir) => {
    const [prose, code, svg, html] = ['prose.txt', 'code.js', 'out.svg', 'out.html'].map((name) => join(dir, name))
    await writeFile(prose, 'And he said unto them, the old man and the sea are in the house of the king.')
    await writeFile(code, 'function add(a, b) {\n  return a + b;\n}\nlet x = add(1, 2);\n')
    const compared = await molm(['experts', '--file', prose, '--file', code])
    assert.is(compared.code, 0, compared.stderr)
    assert.match(compared.stdout, /prose\.txt against code\.js/)
    assert.match(compared.stdout, /most specialised experts/)
    assert.not.ok(compared.stdout.includes('\x1b'))
    for (const file of [svg, html]) {
      assert.equal(await molm(['experts', '--file', prose, '--file', code, '-o', file]), {
        code: 0,
        signal: null,
        stdout: '',
        stderr: '',
      })
    }
    assert.match(await readFile(svg, 'utf8'), /^<svg /)
    assert.match(await readFile(html, 'utf8'), /^<!doctype html>/)
  })
})

test('--csv is --format csv, also where the file is named otherwise', async () => {
  await inTemporaryFolder(async (dir) => {
    const file = join(dir, 'usage.html')
    const [short, long, written] = await Promise.all([
      molm(['experts', '--csv', TEXT]),
      molm(['experts', '--format', 'csv', TEXT]),
      molm(['experts', '--csv', '-o', file, TEXT]),
    ])
    assert.is(short.code, 0, short.stderr)
    assert.match(
      short.stdout,
      /^text,layer,kind,expert,count,share,gate_mass,entropy,fairness\r?\nprompt,0,attention,0,/,
    )
    assert.is(short.stdout, long.stdout)
    assert.is(written.stdout, '')
    assert.is(await readFile(file, 'utf8'), short.stdout)
  })
})

test('what cannot be meant is refused', async () => {
  const [twoForms, alsoFormat] = await Promise.all([
    molm(['experts', '--csv', '--json', 'words']),
    molm(['experts', '--csv', '--format', 'svg', 'words']),
  ])
  assertRefused(twoForms, 2, /--csv.*--json/)
  assertRefused(alsoFormat, 2, /--format.*--csv/)
  const [none, both, missing, format] = await Promise.all([
    molm(['experts']),
    molm(['experts', '--file', 'x', 'words']),
    molm(['experts', '--file', '/nonexistent/x.txt']),
    molm(['experts', '--format', 'png', 'words']),
  ])
  assertRefused(none, 2, /there is no text/)
  assertRefused(both, 2, /a prompt or --file/)
  assertRefused(missing, 1, /\/nonexistent\/x\.txt: no such file/)
  assertRefused(format, 2, /png/)
})

test('a trace has a row a token, layer and expert, with the experts that run reports', async () => {
  await inTemporaryFolder(async (dir) => {
    const [csv, jsonl] = [join(dir, 'trace.csv'), join(dir, 'trace.jsonl')]
    const run = ['run', '--temperature', '0', '-n', '5', '--json', '--experts', 'What is a lantern?']
    const [{ stdout }] = await Promise.all([molm([...run, '--trace', csv]), molm([...run, '--trace', jsonl])])
    const { tokens, experts } = JSON.parse(stdout)
    const rows = (await readFile(jsonl, 'utf8'))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    assert.is(rows.length, tokens.length * 6 * (2 + 4))
    const found = rows.filter(({ index, layer, kind }) => index === 3 && layer === 5 && kind === 'mlp')
    assert.equal(
      found.map(({ expert }) => expert),
      experts[3][5].mlp.ids,
    )
    assert.equal(
      found.map(({ rank }) => rank),
      [0, 1, 2, 3],
    )
    assert.equal(
      found.map(({ gate }) => Math.fround(gate)),
      experts[3][5].mlp.gates.map(Math.fround),
    )
    assert.is(found[0].token, tokens[3])
    const lines = (await readFile(csv, 'utf8')).trimEnd().split('\n')
    assert.is(lines[0], 'index,token,text,layer,kind,rank,expert,gate')
    assert.is(lines.length, 1 + rows.length)
  })
})

test('a trace needs an ending that says how it is written, and a place where it can be', async () => {
  const [ending, place] = await Promise.all([
    molm(['run', '--trace', 'trace.txt', 'words']),
    molm(['run', '--trace', '/nonexistent/trace.csv', 'words']),
  ])
  assertRefused(ending, 2, /\.csv or \.jsonl/)
  assertRefused(place, 1, /\/nonexistent\/trace\.csv: cannot be written \(ENOENT\)/)
})

test.run()
