import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { generateAfter } from '#molm/engine/run/generation.js'
import { Stopped } from '#molm/engine/run/reading/demand.js'
import { Sequence } from '#molm/engine/run/sequences/sequence.js'
import type { Decoder } from '#molm/model/layers/decoder.js'
import type { Taps } from '#molm/model/layers/taps.js'
import { sameBits } from '../../support/compare.js'
import { fixturePath } from '../../support/fixtures.js'
import { withLoaded } from '../../support/loaded-model.js'
import { integers } from '../../support/random.js'
import { exportOf, generateOf, read, runTask } from '../../support/run-task.js'

/* Steps of an answer overwrite large running states. All results are as with small ones, which they do not overwrite. */
const test = suite('steps that overwrite running states')

const MODELS = ['81-lfm2moe-f32', '91-granitehybrid-f32', '166-qwen3next-f32', '207-zaya-bf16-sharded', '211-ling3-f32']

const PROMPT = integers(30, 2, 200)
const STEPS = 70

const inModel = (name: string, use: (model: Decoder) => void) =>
  withLoaded(fixturePath(name), { quant: 'f32', threads: 1, positions: 250 }, ({ model }) => use(model))

function sequenceOf(model: Decoder, areLarge: boolean): Sequence {
  const sequence = new Sequence(model)
  assert.ok(sequence.cache.states)
  if (areLarge) sequence.cache.states.mostIdleBytes = 0
  return sequence
}

/** Writes an answer. `tap` observes its steps. */
function answer(sequence: Sequence, tap: Taps['residual'] = () => {}, stop = new Int32Array(1)): number[] {
  const { model } = sequence
  const tokens: number[] = []
  const context = { stop, emit: ({ token }: { token: number }) => tokens.push(token) }
  const settings = { seed: 1, maxTokens: STEPS, temperature: 0, promptLookupNumTokens: 0 }
  const forward = model.forward
  model.forward = (segments) =>
    forward.call(
      model,
      segments.map((segment) => ({ ...segment, taps: { ...segment.taps, residual: tap } })),
    )
  try {
    runTask(model, generateAfter(sequence, generateOf(PROMPT, settings), context))
  } finally {
    model.forward = forward
  }
  return tokens
}

/** Logits of a text after a sequence. */
const after = (sequence: Sequence) => read(sequence, [3, 1]).logits

for (const name of MODELS) {
  test(`have the bits of steps that do not: ${name}`, () =>
    inModel(name, (model) => {
      const [small, large] = [false, true].map((areLarge) => sequenceOf(model, areLarge))
      assert.equal(answer(large), answer(small))
      assert.equal(exportOf(large), exportOf(small))
      assert.is(large.cache.states?.bytes, 4 * (large.cache.states?.floats ?? 0), 'one slot')
      sameBits(after(large), after(small))
    }))

  test(`lose nothing if they fail in the middle: ${name}`, () =>
    inModel(name, (model) => {
      const last = model.config.layers - 1
      const sequence = sequenceOf(model, true)
      let blocks = 0
      const failing = () =>
        answer(sequence, (layer) => {
          if (layer === last && ++blocks === 40) throw new Error('the disk failed')
        })
      assert.throws(failing, /the disk failed/)
      assert.is(sequence.tokens.length, PROMPT.length + 38)
      assert.ok(sequence.cache.length < sequence.tokens.length, 'the cache is cut back')
      const whole = new Sequence(model)
      read(whole, sequence.tokens)
      sameBits(after(sequence), after(whole))
    }))

  test(`end before they stop: ${name}`, () =>
    inModel(name, (model) => {
      const sequence = sequenceOf(model, true)
      const stop = new Int32Array(1)
      let blocks = 0
      const stopping = () =>
        answer(
          sequence,
          (layer) => {
            if (layer === 0 && ++blocks === 40) stop[0] = 1
          },
          stop,
        )
      assert.throws(stopping, (error: unknown) => error instanceof Stopped)
      assert.is(sequence.cache.length, sequence.tokens.length, 'nothing is read again')
      const whole = new Sequence(model)
      read(whole, sequence.tokens)
      sameBits(after(sequence), after(whole))
    }))
}

test.run()
