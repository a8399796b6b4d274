import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { shareOut } from '#molm/engine/run/scheduler.js'

const test = suite('shares of a micro-batch')

const waiting = (...tokens: number[]) => tokens.map((count) => ({ tokens: count, servedAt: 0 }))
const sum = (shares: number[]) => shares.reduce((a, b) => a + b, 0)

test('a single prompt gets the whole micro-batch', () => {
  assert.equal(shareOut(waiting(1000), 64), [256])
  assert.equal(shareOut(waiting(100), 64), [100])
})

test('decode steps come first, and a prompt gets a slice', () => {
  assert.equal(shareOut(waiting(1, 1000, 1, 1), 64), [1, 64, 1, 1])
})

test('a short prompt goes before a long one, which still advances', () => {
  assert.equal(shareOut(waiting(20_000, 200), 64), [56, 200])
  assert.equal(shareOut(waiting(20_000, 3), 64), [253, 3])
  assert.equal(shareOut(waiting(20_000, 300, 1), 64), [16, 48, 1])
})

test('the shortest of many prompts gets half a slice, and the others take turns with the rest', () => {
  const shares = shareOut(waiting(20_000, 20_000, 20_000, 1_100, 20_000, 1), 64)
  assert.equal(shares, [16, 16, 0, 32, 0, 1])
})

test('among too many prompts, the ones that have waited longest are next', () => {
  const many = Array.from({ length: 20 }, (_, i) => ({ tokens: 500, servedAt: i < 16 ? 7 : 6 }))
  const shares = shareOut(many, 64)
  assert.is(sum(shares), 256)
  assert.ok(shares.slice(16).every((share) => share > 0))
})

test('among too many decode steps, the ones that have waited longest are next, and a prompt still advances', () => {
  const steps = Array.from({ length: 300 }, (_, i) => ({ tokens: 1, servedAt: i < 200 ? 2 : 1 }))
  const shares = shareOut(steps, 64)
  assert.is(sum(shares), 256)
  assert.is(sum(shares.slice(200)), 100)
  const beside = shareOut([...steps, { tokens: 400, servedAt: 2 }], 64)
  assert.is(beside[300], 16)
  assert.is(sum(beside), 256)
})

test.run()
