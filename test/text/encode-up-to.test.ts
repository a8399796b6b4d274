import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Tokenizer } from '#molm/api/text.js'
import {
  kindOf,
  readTokenizerDefinition,
  type TokenizerDefinition,
} from '#molm/text/tokenizer/definition/tokenizer-definition.js'
import { readVocabulary } from '#molm/text/tokenizer/definition/vocabulary.js'
import { Encoder } from '#molm/text/tokenizer/encoding/encoder.js'
import { loadTokenizer } from '#molm/text/tokenizer.js'
import { LoopCounter } from '../support/event-loop.js'
import { repositoryPath } from '../support/fixtures.js'
import { thrownBy } from '../support/rejects.js'

/* A text of more tokens than there may be is refused for little work, however long it is. */
const test = suite('texts up to a number of tokens')

const NANO = repositoryPath('models/nano')
const WORDS = 'The quick brown fox jumps. '
let tokenizer: Tokenizer
let encoder: Encoder

test.before(async () => {
  const definition = (await readTokenizerDefinition(NANO)) as TokenizerDefinition
  encoder = new Encoder(definition, readVocabulary(definition.model.vocab), kindOf(definition))
  tokenizer = (await loadTokenizer(NANO)) as Tokenizer
})

/** Number of turns that work takes. */
function stepsOf(work: Generator<void, unknown>): number {
  let steps = 1
  while (!work.next().done) steps++
  return steps
}

/** Turns of the event loop until a promise is settled. */
async function turnsOf(promise: Promise<unknown>): Promise<number> {
  const loop = new LoopCounter()
  await promise
  loop.stop()
  return loop.turns
}

test('encodeUpTo gives all tokens of a text that has few enough, and nothing for one of more', async () => {
  for (const text of [
    '',
    'The old lantern',
    `${' word'.repeat(300)}<|endoftext|>`,
    'a'.repeat(5_000),
    'äé 漢字'.repeat(40),
  ]) {
    const ids = tokenizer.encode(text)
    assert.equal(await tokenizer.encodeUpTo(text, ids.length), ids)
    assert.is(await tokenizer.encodeUpTo(text, ids.length - 1), undefined)
    assert.is(await tokenizer.decodeAsync(ids), text)
  }
  await thrownBy(tokenizer.encodeUpTo('a'.repeat(2_000_000), 10, { signal: AbortSignal.abort() }))
})

for (const [name, part] of [
  ['words', WORDS],
  ['added tokens', '<|endoftext|>'],
]) {
  test(`the work grows with the limit, not with the text: ${name}`, () => {
    const [short, long] = [part.repeat(10_000), part.repeat(40_000)]
    assert.ok(stepsOf(encoder.encode(long)) > 100, 'all of it takes many steps')
    for (const text of [short, long]) assert.is(stepsOf(encoder.encodeUpTo(text, 100)), 1)
    const some = stepsOf(encoder.encodeUpTo(short, 5_000))
    assert.ok(some > 1 && some < 30, `${some} steps`)
    assert.is(stepsOf(encoder.encodeUpTo(long, 5_000)), some)
  })
}

test('a single word is refused for its length alone, since tokens have a longest length', () => {
  const word = 'ab'.repeat(100_000)
  assert.ok(stepsOf(encoder.encode(word)) > 10, 'all of it takes many steps')
  for (const most of [100, 5_000]) assert.is(stepsOf(encoder.encodeUpTo(word, most)), 1)
})

test('a tokenizer stops at the limit before the event loop has had its turn', async () => {
  const text = WORDS.repeat(20_000)
  assert.ok((await turnsOf(tokenizer.encodeUpTo(text, 100))) <= 1)
  assert.ok((await turnsOf(tokenizer.encodeAsync(text))) > 5, 'all of it takes many turns')
})

test.run()
