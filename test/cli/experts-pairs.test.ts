import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { repositoryPath } from '../support/fixtures.js'
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

test('--pairs and --flow exclude one another and other reports', async () => {
  const [both, tokens] = await Promise.all([
    molm(['experts', '--pairs', '--flow', 'words']),
    molm(['experts', '--pairs', '--tokens', 'words']),
  ])
  assertRefused(both, 2, /--flow.*--pairs/)
  assertRefused(tokens, 2, /--pairs.*--tokens/)
})

test.run()
