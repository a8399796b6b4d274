import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { repositoryPath } from '../support/fixtures.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { molm } from './molm.js'

const CODE = ['--file', repositoryPath('examples/code.js')]

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

test.run()
