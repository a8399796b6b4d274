import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Drafter } from '#molm/engine/run/lookup/drafter.js'
import { StepCosts } from '#molm/engine/run/lookup/step-costs.js'
import { TextIndex } from '#molm/engine/run/lookup/text-index.js'
import { ownTime } from '../../support/own-time.js'
import { integers } from '../../support/random.js'

const test = suite('drafts of prompt lookup')

function indexOf(tokens: readonly number[]): TextIndex {
  const index = new TextIndex()
  for (const token of tokens) index.add(token)
  return index
}

/** Bytes that grow by half a step with each token. */
const half = (tokens: number) => 1 + (tokens - 1) / 2

/** Writes an answer with all its drafts. Returns the number of drafts, and of right ones. */
function write(answer: readonly number[], prompt: readonly number[], costs: StepCosts, most = 8): [number, number] {
  const drafter = new Drafter(costs, most)
  drafter.addGiven(prompt)
  let [drafted, right] = [0, 0]
  for (let at = 0; at < answer.length; ) {
    const drafts = drafter.draft(answer.length - at - 1)
    let same = 0
    while (same < drafts.length && drafts[same] === answer[at + same]) same++
    for (const token of answer.slice(at, at + same + 1)) drafter.add(token)
    drafted += drafts.length
    right += same
    at += same + 1
  }
  return [drafted, right]
}

test('the place with the most equal tokens is found, the latest of several', () => {
  const index = indexOf([7, 1, 2, 3, 9, 5, 2, 3, 8, 1, 2, 3, 4, 1, 2, 3])
  const match = index.find()
  assert.equal(match, { place: 12, equal: 3 })
  assert.equal(match && index.following(match, 2), [4, 1])
  index.add(9)
  assert.equal(index.find(), { place: 5, equal: 4 })
  index.add(6)
  assert.is(index.find(), undefined)
})

test('what follows beyond the end of a text repeats itself', () => {
  const index = indexOf([1, 2, 3, 1, 2])
  const match = index.find()
  assert.equal(match && index.following(match, 7), [3, 1, 2, 3, 1, 2, 3])
})

test('a text is searched in bounded time, however often it repeats a token', () => {
  const index = indexOf(Array.from({ length: 100_000 }, () => 1))
  const started = ownTime()
  for (let i = 0; i < 1000; i++) index.find()
  assert.ok(ownTime() - started < 1000)
})

test('a copy is drafted, nearly all of it rightly, and a text without repeats is not', () => {
  const prompt = integers(300, 1, 10_000)
  const [drafted, right] = write(prompt.slice(50, 250), prompt, new StepCosts(half, { factor: 1 }))
  assert.ok(drafted > 100 && right === drafted, `${right} of ${drafted}`)
  assert.equal(write(integers(200, 2, 10_000), prompt, new StepCosts(half, { factor: 1 })), [0, 0])
})

test('drafts that prove wrong become rare', () => {
  const prompt = integers(600, 3, 10_000)
  // Every sixth token is another one.
  const answer = prompt.map((token, i) => (i % 6 === 5 ? 20_000 + i : token))
  const [drafted, right] = write(answer, prompt, new StepCosts(half, { factor: 1 }))
  assert.ok(right > 100 && right > 0.9 * drafted, `${right} of ${drafted}`)
})

test('nothing is drafted if steps of several tokens prove too slow, until that is long ago', () => {
  const costs = new StepCosts(half, { factor: 1 })
  costs.count(1, 10)
  assert.ok(Math.abs(costs.of(5) - 3) < 0.1)
  for (let i = 0; i < 20; i++) costs.count(5, 50)
  assert.ok(costs.of(5) > 4.5)
  const prompt = integers(300, 4, 10_000)
  assert.equal(write(prompt.slice(0, 200), prompt, costs), [0, 0])
  for (let i = 0; i < 400; i++) costs.count(1, 10)
  assert.ok(costs.of(5) < 4.1)
})

test('a step that other programs hold up counts little', () => {
  const costs = new StepCosts(half, { factor: 1 })
  for (let i = 0; i < 8; i++) costs.count(1, 10)
  costs.count(1, 1000)
  for (let i = 0; i < 40; i++) costs.count(1, 10)
  costs.count(5, 1000)
  assert.ok(costs.of(5) < 5, String(costs.of(5)))
})

test.run()
