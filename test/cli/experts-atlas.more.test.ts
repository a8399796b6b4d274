import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { molm } from './molm.js'
import { twoKinds } from './two-kinds.js'

test('--atlas prints a table with the share of names that held', () =>
  inTemporaryFolder(async (dir) => {
    const texts = await twoKinds(dir, 1500, 1500)
    const files = [join(texts, 'prose'), join(texts, 'sums.txt')]
    const text = await molm(['experts', '--atlas', ...files, '--width', '100'])
    assert.is(text.code, 0, text.stderr)
    const lines = text.stdout.split('\n')
    assert.is(lines[0], 'Names of the experts of nano')
    assert.match(lines[1], /^\d+ of \d+ names held in the other half of the texts/)
    assert.ok(lines.includes('Layer 5, MLP experts'))
    assert.match(
      text.stdout,
      /Committee: experts among the fewest that do half of a layer’s work in each of the 3 texts/,
    )
    assert.ok(lines.every((line) => line.length <= 100))
  }))

test.run()
