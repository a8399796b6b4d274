import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { inOneTurn, inTurns } from '#molm/text/in-turns.js'
import { loadTokenizer } from '#molm/text/tokenizer.js'
import { repositoryPath } from '../support/fixtures.js'
import { thrownBy } from '../support/rejects.js'

const test = suite('work in turns')

/** Work of so many turns: each step takes as long as a turn may. */
function* steps(name: string, count: number, log: string[]): Generator<void, string> {
  for (let i = 0; i < count; i++) {
    for (const end = performance.now() + 9; performance.now() < end; );
    log.push(name)
    yield
  }
  return name
}

test('a small work passes large ones, of which the oldest still gets each fourth turn', async () => {
  const log: string[] = []
  const large = [0, 1].map((i) => inTurns(steps(`large ${i}`, 8, log), 1000))
  const small = inTurns(steps('small', 3, log), 10)
  assert.is(await small, 'small')
  assert.ok(log.lastIndexOf('small') <= 5, log.join())
  assert.equal(await Promise.all(large), ['large 0', 'large 1'])
  // Of the same size the older one comes first.
  assert.ok(log.lastIndexOf('large 0') < log.lastIndexOf('large 1'), log.join())
})

test('the event loop has its turn between those of any two works', async () => {
  const log: string[] = []
  let loops = 0
  let isDone = false
  const count = () => {
    loops++
    if (!isDone) setImmediate(count)
  }
  setImmediate(count)
  await Promise.all([1, 2, 3, 4].map((i) => inOneTurn(() => log.push(String(i)), i)))
  isDone = true
  assert.ok(loops >= 3, `${loops} loops`)
  assert.is(log.length, 4)
})

test('an aborted work ends at once, also while others have their turns', async () => {
  const log: string[] = []
  const controller = new AbortController()
  const first = inTurns(steps('first', 3, log), 1)
  const aborted = inTurns(steps('aborted', 3, log), 5, controller.signal)
  controller.abort(new Error('no longer wanted'))
  assert.is(((await thrownBy(aborted)) as Error).message, 'no longer wanted')
  assert.is(await first, 'first')
  assert.not.ok(log.includes('aborted'))
})

test('encodeUpTo gives all tokens of a text that has few enough, and nothing for one of more', async () => {
  const tokenizer = await loadTokenizer(repositoryPath('models/nano'))
  assert.ok(tokenizer)
  for (const text of [
    '',
    'The old lantern',
    `${' word'.repeat(300)}<|endoftext|>`,
    'a'.repeat(5_000),
    'äé 漢字'.repeat(40),
  ]) {
    const ids = tokenizer?.encode(text) ?? []
    assert.equal(await tokenizer?.encodeUpTo(text, ids.length), ids)
    assert.is(await tokenizer?.encodeUpTo(text, ids.length - 1), undefined)
    assert.is(await tokenizer?.decodeAsync(ids), text)
  }
  await thrownBy(tokenizer?.encodeUpTo('a'.repeat(2_000_000), 10, { signal: AbortSignal.abort() }) as Promise<unknown>)
})

test.run()
