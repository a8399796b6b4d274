import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { seededRandom } from '#molm/engine/sampling/random.js'
import { cos, exp, expBelow, log, pow, sigmoid, sin, softplus } from '#molm/ground/elementary.js'

const test = suite('elementary functions')

/** Numbers of all sizes between two ends. */
function numbers(from: number, to: number, count = 20_000): number[] {
  const random = seededRandom(7)
  return Array.from({ length: count }, () => from + (to - from) * random.nextFloat())
}

const small = numbers(-30, 30)
const positive = numbers(-700, 700).map((x) => 2 ** Math.trunc(x) * (1 + Math.abs(x % 1)))
const angles = [...numbers(-4, 4), ...numbers(0, 2 ** 20)].map(Math.fround)

/** Largest difference from what the engine computes, relative to that, in units of 2^-53. */
function worst(xs: readonly number[], own: (x: number) => number, engines: (x: number) => number): number {
  return xs.reduce((most, x) => {
    const expected = engines(x)
    return Math.max(most, Math.abs(own(x) - expected) / Math.abs(expected) / 2 ** -53)
  }, 0)
}

test('agree with the engine', () => {
  assert.ok(worst([...small, ...numbers(-707, 709)], exp, Math.exp) < 6)
  assert.ok(worst([...positive, ...numbers(0.5, 2), 5e-324, 1e-310, 1.7e308], log, Math.log) < 4)
  assert.ok(worst(small, sigmoid, (x) => 1 / (1 + Math.exp(-x))) < 6)
  assert.ok(
    worst(
      numbers(-2, 2),
      (y) => pow(1e6, y),
      (y) => 1e6 ** y,
    ) < 64,
  )
  assert.ok(worst(numbers(0, 60), expBelow, (x) => Math.exp(-x)) < 1e5)
  for (const x of small) {
    assert.ok(Math.abs(softplus(x) - Math.max(x, 0) - Math.log1p(Math.exp(-Math.abs(x)))) < 1e-14, `softplus ${x}`)
  }
  for (const x of angles) {
    assert.ok(Math.abs(sin(x) - Math.sin(x)) < 3e-16, `sin ${x}`)
    assert.ok(Math.abs(cos(x) - Math.cos(x)) < 3e-16, `cos ${x}`)
  }
})

test('have the ends of doubles', () => {
  assert.equal([exp(-746), exp(710), exp(0), exp(-1 / 0)], [0, Infinity, 1, 0])
  assert.equal([log(0), log(1), log(Infinity)], [-Infinity, 0, Infinity])
  for (const value of [exp(NaN), log(NaN), log(-1), sin(NaN), sigmoid(NaN), softplus(NaN)])
    assert.ok(Number.isNaN(value))
  assert.equal([sigmoid(800), sigmoid(-800), softplus(800), softplus(-800)], [1, 0, 800, 0])
  assert.equal([sin(0), cos(0)], [0, 1])
})

test('have the same bits in every engine', () => {
  const values = [
    ...small.flatMap((x) => [exp(x), sigmoid(x), softplus(x), pow(1e4, x / 30)]),
    ...positive.map(log),
    ...angles.flatMap((x) => [sin(x), cos(x)]),
    ...numbers(0, 70).map(expBelow),
  ]
  let hash = 0
  for (const word of new Uint32Array(Float64Array.from(values).buffer)) hash = Math.imul(hash ^ word, 0x01000193)
  assert.is(hash, 1704943163)
})

test.run()
