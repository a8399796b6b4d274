import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { generateAfter } from '#molm/engine/run/generation.js'
import type { StepMessage } from '#molm/engine/run/messages/protocol.js'
import { Sequence } from '#molm/engine/run/sequences/sequence.js'
import { mixtureOf } from '#molm/model/config/config.js'
import type { Taps } from '#molm/model/layers/taps.js'
import { sameBits } from '../../support/compare.js'
import { fixturePath } from '../../support/fixtures.js'
import { withLoaded } from '../../support/loaded-model.js'
import { integers } from '../../support/random.js'
import { exportOf, generateOf, read, runTask } from '../../support/run-task.js'

/*
 * A request that fails at any point leaves its sequence unchanged.
 */
const test = suite('a request that fails')

const TOKENS = integers(700, 41, 300)

/** Runs `use` with a model on this thread and a switch that makes its n-th batch from now on fail. */
const withModel = (use: (create: () => Sequence, failAfter: (batches: number) => void) => void) =>
  withLoaded(fixturePath('02-base-safetensors-f32'), {}, ({ model }) => {
    const forward = model.forward.bind(model)
    let left = Number.POSITIVE_INFINITY
    model.forward = (...args) => {
      const isDone = forward(...args)
      // By now its results are in the cache.
      if (left-- <= 0) throw new Error('the disk is gone')
      return isDone
    }
    const failAfter = (batches: number) => {
      left = batches
    }
    use(() => new Sequence(model), failAfter)
  })

const forward = (sequence: Sequence, tokens: readonly number[]) => read(sequence, tokens).logits

/** Tokens emitted up to the end or a failure, which is thrown; `seen` then has them. */
function generate(sequence: Sequence, prompt: readonly number[], context: number, seen: number[] = []): number[] {
  const settings = { maxTokens: 8, temperature: 0, topK: 0, topP: 1, minP: 0, repeatPenalty: 1.2, seed: 1, context }
  const request = generateOf(prompt, settings)
  const emit = ({ token }: StepMessage) => seen.push(token)
  runTask(sequence.model, generateAfter(sequence, request, { stop: new Int32Array(1), emit }))
  return seen
}

test('leaves the sequence unchanged, in whichever batch it fails', () =>
  withModel((create, failAfter) => {
    const expected = create()
    forward(expected, TOKENS.slice(0, 50))
    const logits = forward(expected, [7, 8])
    for (const batches of [0, 1, 2]) {
      const sequence = create()
      forward(sequence, TOKENS.slice(0, 50))
      const before = sequence.cache.bytes
      failAfter(batches)
      assert.throws(() => forward(sequence, TOKENS), /disk is gone/)
      failAfter(Number.POSITIVE_INFINITY)
      assert.is(sequence.cache.length, 50)
      assert.is(sequence.cache.bytes, before)
      assert.equal([...exportOf(sequence).tokens], TOKENS.slice(0, 50))
      sameBits(forward(sequence, [7, 8]), logits, `batch ${batches}`)
    }
  }))

test('leaves it unchanged if a generation fails in its prompt, even if a limited context had forgotten all', () =>
  withModel((create, failAfter) => {
    const expected = create()
    forward(expected, TOKENS.slice(0, 50))
    const saved = exportOf(expected)
    const text = generate(expected, TOKENS.slice(0, 3), 1000)
    for (const context of [5, 40, 1000]) {
      const sequence = create()
      forward(sequence, TOKENS.slice(0, 50))
      failAfter(2)
      assert.throws(() => generate(sequence, TOKENS, context), /disk is gone/)
      failAfter(Number.POSITIVE_INFINITY)
      assert.equal(exportOf(sequence), saved, `context ${context}`)
      assert.equal(generate(sequence, TOKENS.slice(0, 3), 1000), text, `context ${context}`)
    }
  }))

test('keeps the last token if running it again fails', () =>
  withModel((create, failAfter) => {
    const expected = create()
    forward(expected, TOKENS.slice(0, 65))
    const saved = exportOf(expected)
    const sequence = create()
    forward(sequence, TOKENS.slice(0, 65))
    failAfter(0)
    assert.throws(() => generate(sequence, [], 1000), /disk is gone/)
    failAfter(Number.POSITIVE_INFINITY)
    assert.equal(exportOf(sequence), saved)
    assert.equal(generate(sequence, [], 1000), generate(expected, [], 1000))
  }))

test('keeps the tokens whose steps were emitted if a generation fails later', () =>
  withModel((create, failAfter) => {
    const sequence = create()
    const seen: number[] = []
    failAfter(4)
    assert.throws(() => generate(sequence, TOKENS.slice(0, 10), 1000, seen), /disk is gone/)
    failAfter(Number.POSITIVE_INFINITY)
    assert.is(seen.length, 4)
    const expected = create()
    forward(expected, [...TOKENS.slice(0, 10), ...seen.slice(0, 3)])
    assert.equal(exportOf(sequence), exportOf(expected))
  }))

test('a token has different experts even if its activations are NaN', () =>
  withLoaded(fixturePath('02-base-safetensors-f32'), {}, ({ model, store }) => {
    const { width } = model.config
    const norm1 = store.address('layers.0.dense', 'ln_1.weight') / 4
    store.banks[0].f32.fill(Number.NaN, norm1, norm1 + width)
    const seen: number[][] = []
    const cache = model.createCache()
    const routes: Taps['routes'] = (_, kind, ids) => {
      const k = mixtureOf(model.config, kind)?.topK ?? 0
      for (let t = 0; t < 3; t++) seen.push([...ids.subarray(t * k, (t + 1) * k)])
    }
    model.forward([{ tokens: [1, 2, 3], cache, taps: { routes } }])
    assert.is(seen.length, 3 * 2 * model.config.layers)
    for (const ids of seen) assert.is(new Set(ids).size, ids.length, `${ids}`)
  }))

test.run()
