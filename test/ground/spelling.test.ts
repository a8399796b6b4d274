import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { nearest, snakeCaseKeys } from '#molm/ground/spelling.js'
import { ownTime } from '../support/own-time.js'

const COMMANDS = ['run', 'chat', 'experts', 'show', 'pull', 'list', 'convert', 'bench', 'prune', 'graft']

test('a typing error leads to the intended word', () => {
  const slips = { lst: 'list', chta: 'chat', exprts: 'experts', EXPERT: 'experts', shwo: 'show', bnech: 'bench' }
  const more = { convrt: 'convert', prun: 'prune' }
  for (const [word, meant] of Object.entries({ ...slips, ...more })) assert.is(nearest(word, COMMANDS), meant, word)
})

test('other words lead nowhere', () => {
  for (const word of ['lost', 'snow', 'full', 'lantern', 'explain', 'hi', 'rewrite', 'thanks', '']) {
    assert.is(nearest(word, COMMANDS), undefined, word)
  }
})

test('a word far longer than all candidates is not compared with them', () => {
  const word = 'list'.repeat(4_000_000)
  const started = ownTime()
  assert.is(nearest(word, COMMANDS), undefined)
  // Compared letter by letter, it takes minutes.
  assert.ok(ownTime() - started < 2_000)
  assert.is(nearest('benchhh', COMMANDS), 'bench', 'two letters too many are still a slip')
  assert.is(nearest('benchhhh', COMMANDS), undefined)
})

test('snake case applies to all keys of an object, in their order', () => {
  const object = { bitsPerByte: 1, top1Agreement: 2, nested: [{ topK: 3 }, null], accNormStderr: 4 }
  assert.is(
    JSON.stringify(snakeCaseKeys(object)),
    '{"bits_per_byte":1,"top1_agreement":2,"nested":[{"top_k":3},null],"acc_norm_stderr":4}',
  )
})

test.run()
