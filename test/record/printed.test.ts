import { dirname } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { repositoryPath } from '../support/fixtures.js'
import { normalisePrinted } from './printed.js'

test('durations, speeds, paths and ids are replaced, and counts, sizes and small seeds stay', () => {
  const cases = {
    'prompt: 12 tokens in 1.2 s, 1.5 k tokens/s': 'prompt: 12 tokens in <n> s, <n> tokens/s',
    'nano q4 · 855 tok/s · context 30/512 · 7.73 MB weights': 'nano q4 · <n> tok/s · context 30/512 · 7.73 MB weights',
    '{"seed":7,"load_ms":3.5,"decode_tokens_per_second":null}':
      '{"seed":7,"load_ms":<n>,"decode_tokens_per_second":null}',
    '"seed":3159978668 7.73 MB of weights, 134 MB in all': '"seed":<seed> 7.73 MB of weights, <n> in all',
    '/scratch/runs/a': '<work>/runs/a',
    [`${dirname(repositoryPath('package.json'))}/x`]: '<molm>/x',
    'kept as 20261130-154037-m8x9v2; 12 of 192': 'kept as <id>; 12 of 192',
  }
  for (const [text, wanted] of Object.entries(cases)) assert.is(normalisePrinted(text, '/scratch'), wanted)
})

test.run()
