import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { NEXT_TURN } from '../support/lantern.js'
import { type Ended, molm, TINY } from './molm.js'

const BASE = ['-m', TINY, '-t', '1']
const GREEDY = ['--temperature', '0']

function objectOf({ code, stdout, stderr }: Ended) {
  assert.is(code, 0, stderr)
  return JSON.parse(stdout)
}

test('--raw continues the text without template, stop strings and trimming, up to a stop text', async () => {
  const raw = ['run', ...GREEDY, '--quant', 'f32', '--json', '--raw', '-n', '40', NEXT_TURN.prompt]
  const { text } = objectOf(await molm(raw))
  assert.is(text, NEXT_TURN.greedy_text.replace('<|endoftext|>', ''))
  // A line break may be written as \n.
  assert.is(objectOf(await molm([...raw, '--stop', '\\n'])).text, text.slice(0, text.indexOf('\n')))
})

test('a seed gives the same text with any number of threads, and the result reports the seed', async () => {
  const args = [...BASE, '--json', '-n', '12', '--ignore-eos', '--temperature', '1.5', 'Once']
  const first = objectOf(await molm(args))
  const again = objectOf(await molm([...args, '-t', '2', '--seed', String(first.seed)]))
  assert.equal(again.tokens, first.tokens)
  assert.equal([again.seed, Number.isSafeInteger(first.seed)], [first.seed, true])
})

test.run()
