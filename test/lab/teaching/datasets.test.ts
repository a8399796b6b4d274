import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { cutSequences, type Dataset, heldOutSample } from '#molm/lab/teaching/datasets.js'
import { makeBatch, Sampler } from '#molm/lab/teaching/samplers.js'
import type { Settings } from '#molm/lab/teaching/teach-options.js'
import { learningRateAt, stepSizes } from '#molm/lab/teaching/training-run.js'

test('ids are cut into sequences without a gap, and a last single token is dropped', () => {
  const cut = (length: number) =>
    cutSequences(
      Int32Array.from({ length }, (_, i) => i),
      4,
    ).map((ids) => [...ids])
  assert.equal(cut(10), [
    [0, 1, 2, 3],
    [4, 5, 6, 7],
    [8, 9],
  ])
  assert.equal(cut(9), [
    [0, 1, 2, 3],
    [4, 5, 6, 7],
  ])
  assert.equal(cut(1), [])
})

const datasetOf = (first: number, count: number): Dataset => {
  const train = Array.from({ length: count }, (_, i) => Int32Array.of(first + i, 0))
  return { name: `${first}`, train, heldOut: train }
}

test('a sampler draws every sequence once before any repeats, in the same order for a seed', () => {
  const drawn = (seed: number, skipped = 0) => {
    const sampler = new Sampler([[datasetOf(0, 7)]], seed)
    sampler.draw(2 * skipped)
    return sampler.draw(14).map(({ ids }) => ids[0])
  }
  const order = drawn(3)
  for (const round of [order.slice(0, 7), order.slice(7)]) assert.is(new Set(round).size, 7)
  assert.not.equal(order.slice(0, 7), order.slice(7), 'another order in the next round')
  assert.equal(drawn(3), order)
  assert.not.equal(drawn(4), order)
  assert.equal(drawn(3, 2).slice(0, 10), order.slice(4))
})

test('a sampler draws from each group in turn, whatever their lengths', () => {
  const sampler = new Sampler([[datasetOf(0, 2)], [datasetOf(100, 50)]], 3)
  const names = sampler.draw(6).map(({ dataset }) => dataset.name)
  assert.equal(names, ['0', '100', '0', '100', '0', '100'])
})

test('replayed sequences are distilled, and prompts are not predicted', () => {
  const [newText, replay] = [new Sampler([[datasetOf(0, 2)]], 0), new Sampler([[{ ...datasetOf(9, 1), prompt: 1 }]], 0)]
  const batch = makeBatch(newText.draw(2), replay.draw(1))
  assert.is(batch.sequences.length, 3)
  assert.equal(batch.retained, [false, false, true])
  assert.equal(batch.distilled, [false, false, true])
  assert.equal(batch.weights, [undefined, undefined, Float32Array.of(0, 1)])
})

test('a held-out sample is spread over the text and has at least one sequence', () => {
  const dataset = { ...datasetOf(0, 10) }
  assert.equal(
    heldOutSample(dataset, 10).map(([id]) => id),
    [0, 2, 4, 6, 8],
  )
  assert.is(heldOutSample(dataset, 1e6).length, 10)
  assert.is(heldOutSample(dataset, 0.1).length, 1)
})

test('the learning rate rises to its highest value, then falls to a tenth', () => {
  const rates = Array.from({ length: 100 }, (_, step) => learningRateAt(step, 100, 1))
  assert.is(Math.max(...rates), 1)
  const top = rates.indexOf(1)
  assert.is(top, 9)
  for (let step = 1; step < 100; step++)
    assert.ok(step <= top ? rates[step] > rates[step - 1] : rates[step] <= rates[step - 1])
  assert.ok(Math.abs(rates[99] - 0.1) < 0.01, `${rates[99]}`)
  assert.is(learningRateAt(0, 1, 1), 1)
})

test('a step has sequences of new and of replayed text', () => {
  const sizes = (settings: Partial<Settings>) =>
    stepSizes({ batch: 2048, window: 256, keep: 0.4, ...settings } as Settings)
  assert.equal(sizes({}), { newText: 5, replay: 3 })
  assert.equal(sizes({ keep: 0 }), { newText: 8, replay: 0 })
  assert.equal(sizes({ keep: 0.01 }), { newText: 7, replay: 1 })
  assert.equal(sizes({ keep: 0.99, batch: 1024 }), { newText: 1, replay: 3 })
  assert.equal(sizes({ batch: 256 }), { newText: 1, replay: 0 })
})

test.run()
