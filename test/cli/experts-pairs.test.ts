import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { repositoryPath } from '../support/fixtures.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { assertRefused, molm } from './molm.js'

const CODE = ['--file', repositoryPath('examples/code.js')]

test('--pairs lists pairs of experts compared with chance', async () => {
  const pairs = await molm(['experts', '--pairs', ...CODE, '--width', '100'])
  assert.is(pairs.code, 0, pairs.stderr)
  assert.match(pairs.stdout, /^Experts of nano \(q4\) that the same token chooses\n/)
  assert.match(pairs.stdout, /Experts that meet more often than by chance\n/)
  // The names are those of nano's own atlas.
  assert.match(pairs.stdout, /layer \d mlp.* \d+ \((code|punctuation|function words): /)
})

test('JSON of pairs has the counts, and a picture of their flow the matrices', () =>
  inTemporaryFolder(async (dir) => {
    const svg = join(dir, 'flow.svg')
    const [json, drawn] = await Promise.all([
      molm(['experts', '--pairs', ...CODE, '--json']),
      molm(['experts', '--flow', ...CODE, '-o', svg]),
    ])
    const { model, tokens, tables } = JSON.parse(json.stdout)
    assert.is(model, 'nano')
    assert.is(tables.length, 12)
    const [{ from, to, tokens: counts, lift }] = tables
    assert.equal([from, to], Array(2).fill({ layer: 0, kind: 'attention' }))
    // A token chooses two attention experts: one pair, in two cells.
    assert.is(
      counts.flat().reduce((sum: number, count: number) => sum + count, 0),
      2 * tokens,
    )
    assert.is(lift[0][0], null)
    assert.is(drawn.code, 0, drawn.stderr)
    assert.match(await readFile(svg, 'utf8'), /layer 4 mlp → layer 5 mlp/)
  }))

test('--pairs and --flow exclude one another and other reports', async () => {
  const [both, tokens] = await Promise.all([
    molm(['experts', '--pairs', '--flow', 'words']),
    molm(['experts', '--pairs', '--tokens', 'words']),
  ])
  assertRefused(both, 2, /--flow.*--pairs/)
  assertRefused(tokens, 2, /--pairs.*--tokens/)
})

test.run()
