import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { molm } from './molm.js'

const HEAD = 'index,token,text,layer,kind,rank,expert,gate\n'
/** Five tokens, three layers, two experts of a token. */
const UNGATED = [0, 1, 2, 3, 4].flatMap((t) =>
  [0, 1, 2].flatMap((l) => [(t + l) % 7, 7 + (t % 3)].map((id, rank) => `${t},${t},a,${l},mlp,${rank},${id},\n`)),
)

test('experts --from draws a trace without gates in every format, and says that it has none', async () => {
  await inTemporaryFolder(async (dir) => {
    const file = join(dir, 'other.csv')
    await writeFile(file, HEAD + UNGATED.join(''))
    const [text, json, svg, html] = await Promise.all([
      molm(['experts', '--from', file, '--experts', '16', '--tokens']),
      molm(['experts', '--from', file, '--tokens', '--json', '-q']),
      molm(['experts', '--from', file, '--tokens', '--format', 'svg', '-q']),
      molm(['experts', '--from', file, '-o', join(dir, 'x.html'), '-q']),
    ])
    assert.match(
      text.stdout,
      /^Experts of other\.csv\n\d+ of 48 .*\nper layer a token uses 2 of 16 MLP experts\ngates are not/,
    )
    assert.match(text.stdout, /the first expert of the trace in each layer/)
    assert.match(text.stderr, /other\.csv: 5 tokens, 3 layers\n.*no gates/)
    const { texts } = JSON.parse(json.stdout)
    assert.equal(texts[0].usage.mlp[0].slice(0, 5), [1, 1, 1, 1, 1])
    assert.equal(texts[0].per_token[1].experts[2], { layer: 2, mlp: { ids: [3, 8] } })
    assert.is('gate_mass' in texts[0], false)
    assert.not.match(svg.stdout, /NaN|, gate |gate:/)
    assert.equal(html, { code: 0, signal: null, stdout: '', stderr: '' })
    assert.not.match(await readFile(join(dir, 'x.html'), 'utf8'), /"NaN|null\]/)
  })
})

test('a trace of run is drawn from stdin as molm experts draws the same tokens', async () => {
  await inTemporaryFolder(async (dir) => {
    const file = join(dir, 'trace.csv')
    const run = ['run', '--raw', '--temperature', '0', '-n', '4', '--trace', file, 'The lantern']
    const { stdout: answer } = await molm(run)
    const [from, whole] = await Promise.all([
      molm(['experts', '--from', '-', '-m', 'nano', '--json', '-q'], { stdin: await readFile(file, 'utf8') }),
      molm(['experts', '--json', `The lantern${answer.replace(/\n$/, '')}`]),
    ])
    assert.is(from.code, 0, from.stderr)
    const [traced, measured] = [from, whole].map(({ stdout }) => JSON.parse(stdout))
    assert.equal([traced.model, traced.quant], [measured.model, measured.quant])
    assert.is(traced.texts[0].name, 'stdin')
    assert.equal(traced.texts[0].usage, measured.texts[0].usage)
  })
})

test.run()
