import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { generateAfter } from '#molm/engine/run/generation.js'
import type { ForwardRequest } from '#molm/engine/run/messages/protocol.js'
import { Stopped } from '#molm/engine/run/reading/demand.js'
import { Sequence } from '#molm/engine/run/sequences/sequence.js'
import { perMixture } from '#molm/model/config/config.js'
import type { ExpertMask } from '#molm/model/config/expert-mask.js'
import type { Decoder } from '#molm/model/layers/decoder.js'
import { sameBits } from '../../support/compare.js'
import { fixturePath } from '../../support/fixtures.js'
import { withLoaded } from '../../support/loaded-model.js'
import { integers } from '../../support/random.js'
import { exportOf, forwardOf, generateOf, runTask } from '../../support/run-task.js'

/*
 * A prompt that is stopped in the middle and run again takes up what was read, with the bits of one whole pass.
 * All else is as if the stopped call had never been made.
 */
const test = suite('prompts that are stopped')

/** Families: stick-breaking attention, windows with sinks, running states. */
const MODELS = [
  '03-topk4-safetensors-bf16-sharded',
  '71-gptoss-bf16-sharded',
  '81-lfm2moe-f32',
  '191-qwen3next-f32',
  '207-zaya-bf16-sharded',
  '211-ling3-f32',
]

const BEFORE = integers(40, 1, 200)
const PROMPT = integers(1100, 2, 200)
/** Tokens of the prompt that are read before the stop: some micro-batches. */
const READ = 768

interface Reading {
  logits: Float32Array
  /** Tokens of the prompt that the call found. */
  found: number
}

const requestOf = (tokens: readonly number[], more: Partial<ForwardRequest> = {}) =>
  forwardOf(tokens, { messageEnds: [700], progress: true, ...more })

function read(sequence: Sequence, tokens: readonly number[], more: Partial<ForwardRequest> = {}): Reading {
  let found = -1
  const tell = ({ processed }: { processed: number }) => {
    if (found < 0) found = processed
  }
  const { logits } = runTask(sequence.model, sequence.forward(requestOf(tokens, more), new Int32Array(1), tell))
  return { logits, found }
}

/** Reads tokens, and stops when some of them have been read. */
function stopAt(sequence: Sequence, tokens: readonly number[], place = READ): void {
  const stop = new Int32Array(1)
  const task = sequence.forward(requestOf(tokens), stop, ({ processed }) => {
    if (processed === place) stop[0] = 1
  })
  assert.throws(
    () => runTask(sequence.model, task),
    (error: unknown) => error instanceof Stopped,
  )
}

/** A sequence with the tokens before the prompt. */
function began(model: Decoder, mask?: ExpertMask): Sequence {
  const sequence = new Sequence(model, mask)
  read(sequence, BEFORE)
  return sequence
}

/** One whose prompt was stopped. */
function stopped(model: Decoder, mask?: ExpertMask): Sequence {
  const sequence = began(model, mask)
  stopAt(sequence, PROMPT)
  assert.equal(sequence.tokens, BEFORE)
  return sequence
}

/** Logits of one whole pass. */
function whole(model: Decoder, tokens: readonly number[], mask?: ExpertMask): Float32Array {
  const sequence = new Sequence(model, mask)
  const { logits } = read(sequence, tokens)
  sequence.release()
  return logits
}

const withoutFirst = ({ config }: Decoder): ExpertMask => ({
  ...perMixture(config.mixtures, ({ experts }) => experts.map((count) => (count > 4 ? [0] : []))),
  gates: 'kept',
})

const inModel = (name: string, use: (model: Decoder) => void) =>
  withLoaded(fixturePath(name), { quant: 'f32', threads: 1, positions: 4000 }, ({ model }) => use(model))

for (const name of MODELS) {
  test(`take up what was read, with the bits of one whole pass: ${name}`, () =>
    inModel(name, (model) => {
      const all = [...BEFORE, ...PROMPT]
      const sequence = stopped(model)
      stopAt(sequence, PROMPT, 1024)
      const again = read(sequence, PROMPT)
      assert.is(again.found, 1024)
      sameBits(again.logits, whole(model, all), 'the same prompt')
      sequence.truncate(BEFORE.length)
      sameBits(read(sequence, [3, 1]).logits, whole(model, [...BEFORE, 3, 1]), 'cut back')
      sequence.release()

      // Another prompt has less in common, up to a checkpoint in some families.
      const other = [...PROMPT.slice(0, 730), ...integers(90, 3, 200)]
      const second = stopped(model)
      const { found, logits } = read(second, other)
      assert.ok(found > 0 && found <= 730, `${found} tokens found`)
      sameBits(logits, whole(model, [...BEFORE, ...other]), 'another prompt')
      second.release()
    }))

  test(`leave their sequence as it was: ${name}`, () =>
    inModel(name, (model) => {
      const sequence = stopped(model)
      assert.equal(exportOf(sequence).tensors, exportOf(began(model)).tensors)
      const unlike = read(sequence, [3, 1])
      assert.is(unlike.found, 0)
      sameBits(unlike.logits, whole(model, [...BEFORE, 3, 1]), 'an unlike prompt')
      assert.is(sequence.caches.length, 1)
      sequence.release()
    }))

  test(`become part of it on request: ${name}`, () =>
    inModel(name, (model) => {
      const all = [...BEFORE, ...PROMPT]
      const sequence = stopped(model)
      const more = Int32Array.from(PROMPT.slice(0, READ))
      assert.equal(sequence.truncate(BEFORE.length).resting, more)
      sequence.truncate(BEFORE.length, { more })
      assert.is(sequence.cache.length, BEFORE.length + READ)
      sameBits(read(sequence, PROMPT.slice(READ)).logits, whole(model, all), 'the rest of the prompt')
      // If they do not rest there any more, they are read again.
      const second = stopped(model)
      read(second, [5])
      second.truncate(BEFORE.length)
      second.truncate(BEFORE.length, { more })
      sameBits(read(second, PROMPT.slice(READ)).logits, whole(model, all), 'read again')
      for (const one of [sequence, second]) one.release()
    }))

  test(`are read again under other masks: ${name}`, () =>
    inModel(name, (model) => {
      const mask = withoutFirst(model)
      const [sequence, expected] = [stopped(model), began(model)]
      model.masks.set(mask)
      const again = read(sequence, PROMPT)
      assert.is(again.found, 0)
      sameBits(again.logits, read(expected, PROMPT).logits, 'a mask for all')
      model.masks.set(undefined)
      const own = stopped(model, mask)
      const { found, logits } = read(own, PROMPT)
      assert.is(found, READ)
      sameBits(logits, whole(model, [...BEFORE, ...PROMPT], mask), 'its own mask')
      for (const one of [sequence, expected, own]) one.release()
    }))
}

test('are run whole if all of their tokens are observed, and kept by no failure', () =>
  inModel(MODELS[0], (model) => {
    const sequence = stopped(model)
    assert.is(read(sequence, PROMPT, { routes: true }).found, 0)
    sequence.truncate(BEFORE.length)
    stopAt(sequence, PROMPT)
    assert.is(read(sequence, PROMPT, { logits: 'all' }).found, 0)
    sequence.truncate(BEFORE.length)
    const task = sequence.forward(requestOf(PROMPT), new Int32Array(1))
    task.next(0)
    assert.throws(() => task.throw(new Error('the disk failed')), /the disk failed/)
    assert.is(sequence.caches.length, 1)
    sequence.release()
  }))

test('continue a generation with a limited context as if it had not been stopped', () =>
  inModel(MODELS[0], (model) => {
    const request = generateOf(PROMPT, { seed: 1, maxTokens: 12, temperature: 1, context: 900 }, { progress: true })
    const answer = (sequence: Sequence, place?: number) => {
      const stop = new Int32Array(1)
      const tokens: number[] = []
      const progress = ({ processed }: { processed: number }) => {
        if (processed === place) stop[0] = 1
      }
      const emit = ({ token }: { token: number }) => tokens.push(token)
      const task = generateAfter(sequence, request, { stop, emit, progress })
      if (place === undefined) runTask(model, task)
      else assert.throws(() => runTask(model, task))
      return tokens
    }
    const expected = answer(new Sequence(model))
    for (const [place, resting] of [
      [768, 768],
      // Some positions have been forgotten by then.
      [1024, undefined],
    ]) {
      const sequence = new Sequence(model)
      answer(sequence, place)
      assert.is(sequence.truncate(0).resting?.length, resting)
      assert.equal(answer(sequence), expected)
      sequence.release()
    }
  }))

test.run()
