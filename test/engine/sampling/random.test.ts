import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Random, randomSeed, seededRandom } from '#molm/engine/sampling/random.js'
import { chiSquare, chiSquareLimit } from './chi-square.js'

const words = (random: Random, count: number) => Array.from({ length: count }, () => random.nextUint32())

test('gives the published sequence of xoshiro128** for the state 1, 2, 3, 4', () => {
  const expected = [11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804]
  assert.equal(words(new Random([1, 2, 3, 4]), 10), expected)
})

test('gives the same sequence for a seed on every platform', () => {
  assert.equal(words(seededRandom(0), 3), [3737715805, 2584255861, 2876756834])
  assert.equal(words(seededRandom(1), 3), [1695105466, 1423115009, 634581793])
  assert.equal(words(seededRandom(Number.MAX_SAFE_INTEGER), 3), [1233166643, 1287031142, 661813442])
})

test('makes floats that are evenly spread over [0, 1)', () => {
  const random = seededRandom(7)
  const counts = new Array(64).fill(0)
  for (let i = 0; i < 64_000; i++) {
    const x = random.nextFloat()
    assert.ok(x >= 0 && x < 1)
    counts[Math.floor(x * 64)]++
  }
  assert.ok(chiSquare(counts, new Array(64).fill(1 / 64)) < chiSquareLimit(63))
})

test('makes floats of 53 random bits, including the lowest and those at the seam of the two words', () => {
  for (const bits of [30, 53]) {
    const random = seededRandom(8)
    const counts = new Array(16).fill(0)
    for (let i = 0; i < 16_000; i++) counts[Math.floor(random.nextFloat() * 2 ** bits) % 16]++
    assert.ok(chiSquare(counts, new Array(16).fill(1 / 16)) < chiSquareLimit(15), `bit ${bits}`)
  }
})

test('starts neighbouring seeds far apart', () => {
  const starts = new Set(Array.from({ length: 1000 }, (_, seed) => seededRandom(seed).nextUint32()))
  assert.is(starts.size, 1000)
})

test('draws seeds that the sampler accepts, and not always the same one', () => {
  const seeds = Array.from({ length: 8 }, randomSeed)
  for (const seed of seeds) assert.ok(Number.isSafeInteger(seed) && seed >= 0)
  assert.ok(new Set(seeds).size > 1)
})

test.run()
