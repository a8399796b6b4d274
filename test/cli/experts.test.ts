import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { loadModel, type Mixture } from '#molm/index.js'
import { mixtureOf } from '#molm/model/config.js'
import { routesOf } from '../support/routes.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { assertRefused, molm } from './molm.js'

const TEXT = 'The lantern is lit, and the old man said nothing.'

test('the JSON of a prompt counts the routes of forward', async () => {
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
      const { experts: perLayer, topK } = mixtureOf(model.config, 'mlp') as Mixture
      const counts = Array.from(
        { length: perLayer[layer] },
        (_, expert) => mlp.ids.filter((id) => id === expert).length,
      )
      assert.equal(text.usage.mlp[layer], counts)
      assert.equal(text.per_token[2].experts[layer].mlp.ids, [...mlp.ids.subarray(2 * topK, 3 * topK)])
    }
    assert.is(text.per_token.map((entry: { text: string }) => entry.text).join(''), TEXT)
    assert.is(text.entropy.mlp.length, model.config.layers)
    assert.is(text.fairness.attention.length, model.config.layers)
  } finally {
    await model.dispose()
  }
})

test('files are compared, and the extension of --output sets the format', async () => {
  await inTemporaryFolder(async (dir) => {
    const names = ['prose.txt', 'code.js', 'out.svg', 'out.html', 'out.PNG']
    const [prose, code, svg, html, png] = names.map((name) => join(dir, name))
    await writeFile(prose, 'And he said unto them, the old man and the sea are in the house of the king.')
    await writeFile(code, 'function add(a, b) {\n  return a + b;\n}\nlet x = add(1, 2);\n')
    const compared = await molm(['experts', '--file', prose, '--file', code])
    assert.is(compared.code, 0, compared.stderr)
    assert.match(compared.stdout, /prose\.txt against code\.js/)
    assert.match(compared.stdout, /Most specialised experts/)
    assert.not.ok(compared.stdout.includes('\x1b'))
    for (const file of [svg, html, png]) {
      assert.equal(await molm(['experts', '--file', prose, '--file', code, '-o', file]), {
        code: 0,
        signal: null,
        stdout: '',
        stderr: '',
      })
    }
    assert.match(await readFile(svg, 'utf8'), /^<svg /)
    assert.match(await readFile(html, 'utf8'), /^<!doctype html>/)
    assert.is((await readFile(png)).toString('latin1', 1, 4), 'PNG')
  })
})

test('--csv is --format csv, whatever the extension of the file', async () => {
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
      /^text_name,layer,kind,expert,count,share,gate_mass,entropy,fairness\r?\nprompt,0,attention,0,/,
    )
    assert.is(short.stdout, long.stdout)
    assert.is(written.stdout, '')
    assert.is(await readFile(file, 'utf8'), short.stdout)
  })
})

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

test('two models are compared on the same text: equal weights agree, and other agreement is measured', async () => {
  const against = ['experts', '--against', 'nano:q4', '--json']
  const [same, other, words] = await Promise.all([
    molm([...against, TEXT]),
    molm([...against, '--quant', 'q8', TEXT]),
    molm(['experts', '--against', 'nano', '--width', '90', TEXT]),
  ])
  const [{ texts: alike }, { texts: unlike, ...about }] = [same, other].map(({ stdout }) => JSON.parse(stdout))
  assert.equal(about, { model: 'nano', quant: 'q8', against: { model: 'nano:q4', quant: 'q4' } })
  for (const kind of ['attention', 'mlp']) {
    assert.equal(alike[0].mean[kind], { top1: 1, overlap: 1, missing: 0 })
    assert.ok(unlike[0].overlap[kind].every((share: number) => share > 0.5 && share <= 1))
    assert.ok(unlike[0].mean[kind].overlap < 1)
  }
  assert.match(words.stdout, /^Routing of nano \(q4\) against nano \(f32\)\n/, words.stderr)
})

test('a pruned model is compared by the original numbers of its experts', async () => {
  await inTemporaryFolder(async (dir) => {
    const [text, small] = [join(dir, 'text.txt'), join(dir, 'small')]
    await writeFile(text, `${TEXT} It was a long way to the light, and nobody spoke of it again.\n`.repeat(14))
    const pruned = await molm(['prune', 'nano', small, '--calibrate', text, '--keep', '0.5', '--only', 'mlp'])
    assert.is(pruned.code, 0, pruned.stderr)
    const { stdout, stderr } = await molm(['experts', '-m', small, '--against', 'nano:q4', '--json', TEXT])
    const { mlp } = JSON.parse(await readFile(join(small, 'selection.json'), 'utf8'))
    const [{ experts, mean }] = JSON.parse(stdout || '{}').texts ?? [{}]
    assert.ok(experts, stderr)
    for (const [layer, shares] of experts.mlp.entries()) {
      const known = [...shares.keys()].filter((id) => shares[id] !== null)
      assert.ok(
        known.every((id) => mlp[layer].includes(id)),
        `layer ${layer}: ${known} of ${mlp[layer]}`,
      )
    }
    assert.ok(mean.mlp.missing > 0 && mean.attention.missing === 0)
  })
})

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

test('run prints the same experts for each token as experts does for the same text', async () => {
  const generated = ['run', '--raw', '--temperature', '0', '-n', '4', '--ignore-eos', '--experts', TEXT]
  const [whole, lines] = await Promise.all([molm([...generated, '--json']), molm([...generated, '--jsonl'])])
  const { text, tokens, experts } = JSON.parse(whole.stdout)
  assert.is(experts.length, tokens.length, whole.stderr)
  const read = JSON.parse((await molm(['experts', '--json', '--tokens', TEXT + text])).stdout).texts[0].per_token
  const tail = read.slice(-tokens.length)
  // Only comparable as far as encoding the text gives the generated tokens again.
  assert.equal(
    tail.map(({ token }: { token: number }) => token),
    tokens,
  )
  const idsOf = (layers: { mlp: { ids: number[] } }[]) => layers.map(({ mlp }) => mlp.ids)
  assert.equal(
    experts.map(idsOf),
    tail.map((entry: { experts: { mlp: { ids: number[] } }[] }) => idsOf(entry.experts)),
  )
  const steps = lines.stdout.trimEnd().split('\n').slice(0, -1)
  assert.equal(
    steps.map((line) => JSON.parse(line).experts),
    experts,
  )
})

test('a trace has a row per token of prompt and answer, layer and expert, with the experts that run reports', async () => {
  await inTemporaryFolder(async (dir) => {
    const [csv, jsonl] = [join(dir, 'trace.csv'), join(dir, 'trace.jsonl')]
    const run = ['run', '--temperature', '0', '-n', '5', '--json', '--experts', 'What is a lantern?']
    const [{ stdout }] = await Promise.all([molm([...run, '--trace', csv]), molm([...run, '--trace', jsonl])])
    const { prompt_tokens: prompt, tokens, experts } = JSON.parse(stdout)
    const rows = (await readFile(jsonl, 'utf8'))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    const chosen = experts[0].flatMap(({ attention, mlp }: Record<string, { ids: number[] }>) => [
      ...attention.ids,
      ...mlp.ids,
    ])
    assert.is(rows.length, (prompt + tokens.length) * chosen.length)
    const numbers = [...new Set(rows.map(({ index }) => index))]
    assert.equal(
      numbers,
      Array.from({ length: prompt + tokens.length }, (_, i) => i - prompt),
    )
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
    const table = await readFile(csv, 'utf8')
    assert.ok(table.startsWith('index,token,text,layer,kind,rank,expert,gate\n'))
    // A token's text may have a line break.
    assert.is(table.match(/^-?\d+,\d+,/gm)?.length, rows.length)
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
