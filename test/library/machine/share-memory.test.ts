import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type MemoryNeed, shareMemory } from '#molm/library/machine/memory.js'
import { rejectsWithUserError } from '../../support/rejects.js'

const test = suite('memory for two models')

const packed = (bytes: number, leastBytes: number): MemoryNeed => {
  return { name: 'small', kind: 'packed', path: '/small', quant: 'q4', bytes, leastBytes }
}
const checkpoint = (bytes: number): MemoryNeed => {
  return { name: 'large:f32', kind: 'checkpoint', path: '/large', quant: 'f32', bytes, leastBytes: bytes }
}

test('each gets its minimum and a proportional share of the rest, but never more than its size', () => {
  assert.equal(shareMemory([packed(1000, 100), packed(2100, 300)], 1750), [550, 1200])
  assert.equal(shareMemory([packed(1000, 100), packed(2100, 300)], 400), [100, 300])
  assert.equal(shareMemory([packed(1000, 100), packed(2100, 300)], 99_999), [1000, 2100])
  assert.equal(shareMemory([packed(1000, 100), checkpoint(5000)], 5400), [400, 5000])
  assert.equal(shareMemory([checkpoint(500), checkpoint(5000)], 5600), [500, 5000])
})

test('together they stay within the limit', () => {
  const models = [packed(6_145_536, 2_413_056), packed(39_001_344, 12_345_679)]
  for (let memory = 14_758_735; memory < 50_000_000; memory += 1_234_567) {
    const [a = NaN, b = NaN] = shareMemory(models, memory)
    assert.ok(a + b <= memory && a + b >= Math.min(memory, 45_146_880) - 2, `${a} and ${b} of ${memory}`)
  }
})

test('a limit below both minima is refused, with a remedy if there is one', async () => {
  await rejectsWithUserError(
    () => shareMemory([packed(1000, 100), packed(2100, 300)], 399),
    /^`memory` 399B is too little for both: small needs 100B, small needs 300B$/,
  )
  await rejectsWithUserError(
    () => shareMemory([packed(1000, 100), checkpoint(5e9)], 3 * 2 ** 30),
    /^`memory` 3GiB is too little for both: .* large:f32 needs 5GB\n.*: molm convert \/large OUT --quant f32$/,
  )
})

test('without a limit they share the free memory, and get no limit if all fits or nothing helps', () => {
  const models = [packed(1000, 100), packed(2100, 300)]
  assert.equal(shareMemory(models, undefined, 1750), [550, 1200])
  assert.equal(shareMemory(models, undefined, 5000), [undefined, undefined])
  assert.equal(shareMemory(models, undefined, 200), [undefined, undefined])
  assert.equal(shareMemory(models, undefined, -1), [undefined, undefined])
})

test.run()
