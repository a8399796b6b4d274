import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Atlas, type AtlasEntry, loadModel, type Mixture, type MixtureKind } from '#molm/index.js'
import { mixtureOf, perMixture } from '#molm/model/config.js'
import { HAS_PSEUDO_TERMINAL, PseudoTerminal } from '../support/pseudo-terminal.js'
import { routesOf } from '../support/routes.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { assertRefused, molm, molmProcess } from './molm.js'

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

test('a figure shows chosen layers, kinds and parts, under its own title', async () => {
  await inTemporaryFolder(async (dir) => {
    const svg = join(dir, 'out.svg')
    const chosen = ['--layers', '1-2,4', '--only', 'mlp', '--title', '', '--parts', 'map,tokens']
    const [text, drawn] = await Promise.all([
      molm(['experts', ...chosen, TEXT]),
      molm(['experts', ...chosen, '-o', svg, TEXT]),
    ])
    assert.match(text.stdout, /^share of the tokens/, text.stderr)
    assert.match(text.stdout, /^token +1 {2}2 {2}4$/m)
    assert.not.match(text.stdout, /attention|woke/)
    assert.is(drawn.code, 0, drawn.stderr)
    const layers = [...(await readFile(svg, 'utf8')).matchAll(/data-layer="(\d)"/g)].map(([, layer]) => layer)
    assert.equal(layers, ['1', '2', '4'])
  })
})

test('choices of a figure that the model or the format does not have are refused', async () => {
  const refused = await Promise.all([
    molm(['experts', '--layers', '4-6', TEXT]),
    molm(['experts', '--parts', 'difference', TEXT]),
    molm(['experts', '--parts', 'maps', TEXT]),
    molm(['experts', '--json', '--only', 'mlp', TEXT]),
    molm(['experts', '--colour', 'expert:6', TEXT]),
    molm(['experts', '--colour', 'rainbow', TEXT]),
    molm(['experts', '--colour', 'surprise', '--csv', TEXT]),
    molm(['experts', '--width', '4001', '-o', 'x.svg', TEXT]),
    molm(['experts', '--names', '/nonexistent/atlas.json', TEXT]),
  ])
  const why = [
    /--layers: the model has layers 0 to 5, not 6/,
    /--parts: this figure has no difference; it has caption, map, committee, tokens/,
    /--parts must be a list of caption, map, difference, table, committee, tokens, not 'maps'/,
    /--only is for figures; json/,
    /--colour: the model has layers 0 to 5, not 6/,
    /--colour must be expert:LAYER.*not 'rainbow'/,
    /--colour is for text and html, not csv/,
    /at most 4000 pixels, not 4001/,
    /\/nonexistent\/atlas\.json/,
  ]
  for (const [i, result] of refused.entries()) assertRefused(result, i < 8 ? 2 : 1, why[i])
})

test('a text is coloured by its experts, and without colours each token has its value', async () => {
  const [coloured, plain, bits, sleepers] = await Promise.all([
    molm(['experts', '--colour', 'expert:3', TEXT], { env: { FORCE_COLOR: '3' } }),
    molm(['experts', '--colour', 'expert:3:mlp', TEXT]),
    molm(['experts', '--colour', 'surprise', TEXT]),
    molm(['experts', '--colour', 'sleepers', TEXT]),
  ])
  assert.match(
    coloured.stdout,
    /^prompt, \d+ tokens, coloured by the strongest mlp expert of layer 3\n/,
    coloured.stderr,
  )
  assert.match(stripVTControlCharacters(coloured.stdout), /\n +\d+ +\d+\.\d %.*\n/)
  assert.is(stripVTControlCharacters(coloured.stdout).split('\n').at(-2), TEXT)
  const values = plain.stdout.split('\n').slice(1, -1)
  const { texts } = JSON.parse((await molm(['experts', '--json', '--tokens', TEXT])).stdout)
  assert.equal(
    values.map((line) => Number(line.slice(0, 8))),
    texts[0].per_token.map((token: { experts: { mlp: { ids: number[] } }[] }) => token.experts[3].mlp.ids[0]),
  )
  assert.match(bits.stdout, /^prompt, \d+ tokens: surprise.*\n {7}- {2}The\n +\d+\.\d\d {2}·/)
  assert.match(sleepers.stdout, /^prompt, \d+ tokens: sleepers.*\n +\d+\.\d % {2}The\n/)
})

test('names of an atlas are in the list of specialists, and in JSON', async () => {
  await inTemporaryFolder(async (dir) => {
    const [prose, code, names] = ['prose.txt', 'code.js', 'names.json'].map((name) => join(dir, name))
    await writeFile(prose, 'And he said unto them, the old man and the sea are in the house of the king. '.repeat(6))
    await writeFile(code, 'function add(a, b) {\n  return a + b;\n}\nlet x = add(1, 2);\n'.repeat(6))
    const both = ['experts', '--file', prose, '--file', code]
    const { specialists } = JSON.parse((await molm([...both, '--json'])).stdout)
    const [{ kind, layer, expert }] = specialists
    await writeFile(names, JSON.stringify(await nanoAtlas(kind, layer, expert)))
    const [text, json, html] = await Promise.all([
      molm([...both, '--names', names]),
      molm([...both, '--names', names, '--json']),
      molm([...both, '--names', names, '--format', 'html']),
    ])
    assert.ok(text.stdout.includes(`layer ${layer} ${kind} ${expert} (brackets)`), text.stderr)
    assert.is(JSON.parse(json.stdout).specialists[0].name, 'brackets')
    assert.ok(html.stdout.includes(`layer ${layer}, ${kind} expert ${expert} (brackets): `))
  })
})

/** An atlas of nano that names one expert. */
async function nanoAtlas(kind: MixtureKind, layer: number, expert: number): Promise<Atlas> {
  const model = await loadModel('nano')
  try {
    const { mixtures } = model.config
    const experts = perMixture(mixtures, (mixture) => [...mixture.experts])
    const entries = perMixture(mixtures, (mixture) =>
      mixture.experts.map((count) =>
        Array.from({ length: count }, () => ({ share: 0, tokens: [], texts: [] }) as AtlasEntry),
      ),
    )
    if (entries[kind]) entries[kind][layer][expert].name = 'brackets'
    const committees = perMixture(mixtures, (mixture) =>
      mixture.experts.map(() => ({ experts: [0], share: 1, gini: 0, fairness: 1 })),
    )
    const model_ = { name: 'nano', experts }
    return { format: 'molm-atlas', version: 1, model: model_, texts: [], named: 1, confirmed: 1, entries, committees }
  } finally {
    await model.dispose()
  }
}

test('in a pipe, lines are as wide as COLUMNS says, else as the terminal of stderr; in a file as long as needed', async () => {
  const widest = (text: string) => Math.max(...text.split('\n').map((line) => [...line].length))
  const [narrow, none] = await Promise.all([
    molmProcess(['experts', TEXT], { env: { COLUMNS: '60' } }),
    molmProcess(['experts', TEXT], { env: { COLUMNS: '' } }),
  ])
  assert.ok(widest(narrow.stdout) <= 60, narrow.stdout)
  assert.ok(widest(none.stdout) > 80, none.stdout)
  if (!HAS_PSEUDO_TERMINAL) return
  const piped = `const { stdout } = require("child_process").spawnSync(process.execPath, ["bin/molm.js", "experts", "a lantern"], { stdio: ["ignore", "pipe", "inherit"] }); process.stdout.write("widest " + Math.max(...String(stdout).split("\\n").map((line) => [...line].length)))`
  const terminal = await PseudoTerminal.start({
    args: ['-e', piped],
    columns: 72,
    outputOnly: true,
    env: { COLUMNS: '' },
  })
  await terminal.waitUntil(() => /widest \d+/.test(terminal.output), 'the width')
  const [, width] = /widest (\d+)/.exec(terminal.output) ?? []
  assert.ok(Number(width) > 40 && Number(width) <= 72, terminal.output)
  await terminal.close()
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
