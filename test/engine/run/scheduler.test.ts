import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type GenerationSettings, UNFILTERED } from '#molm/api/generation-options.js'
import { generateAfter } from '#molm/engine/run/generation.js'
import type { ForwardReply, GenerateReply } from '#molm/engine/run/messages/protocol.js'
import { Stopped, type Task } from '#molm/engine/run/reading/demand.js'
import { Sequence } from '#molm/engine/run/sequences/sequence.js'
import type { Decoder } from '#molm/model/layers/decoder.js'
import { sameBits } from '../../support/compare.js'
import { fixturePath } from '../../support/fixtures.js'
import { withLoaded } from '../../support/loaded-model.js'
import { integers } from '../../support/random.js'
import { forwardOf, generateOf, runTask } from '../../support/run-task.js'
import { replyOf, schedule } from '../../support/schedule.js'

const test = suite('continuous batching')

const withModel = (use: (model: Decoder) => void) =>
  withLoaded(fixturePath('02-base-safetensors-f32'), { quant: 'q4' }, ({ model }) => use(model))

/** Full temperature and a penalty: a single different bit would soon change a token. */
const SAMPLING = { ...UNFILTERED, repeatPenalty: 1.1 }

interface Generation {
  task: Task<GenerateReply>
  sequence: Sequence
}

function generation(
  model: Decoder,
  seed: number,
  {
    prompt = integers(5 + 20 * seed, seed, 300),
    ...settings
  }: Partial<GenerationSettings> & { prompt?: number[] } = {},
  stop = new Int32Array(1),
): Generation {
  const looks = { routes: seed % 2 === 0, probabilities: seed % 4 === 0 }
  const request = generateOf(prompt, { ...SAMPLING, seed, maxTokens: 20, logprobs: 2, ...settings }, looks)
  const sequence = new Sequence(model)
  return { task: generateAfter(sequence, request, { stop, emit: () => {} }), sequence }
}

const reading = (sequence: Sequence, tokens: number[], stop = new Int32Array(1)) =>
  sequence.forward(forwardOf(tokens), stop)

const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8]

test('for texts that share the model it runs far less often', () =>
  withModel((model) => {
    const some = SEEDS.map((seed) => generation(model, seed, { maxTokens: 5 + seed }))
    const { outcomes, scheduler } = schedule(
      model,
      some.map(({ task }, i) => ({ task, after: i % 3 === 0 ? 0 : i })),
    )
    for (const outcome of outcomes) assert.is(replyOf<GenerateReply>(outcome).finishReason, 'length')
    const { microBatches, tokensProcessed, lastBatchTokens, sequencesRunning } = scheduler.counts
    const read = some.reduce((sum, { sequence }) => sum + sequence.cache.length, 0)
    // With routes, the last token was read as well, and forgotten again.
    assert.is(tokensProcessed, read + SEEDS.filter((seed) => seed % 2 === 0).length)
    assert.ok(microBatches < 60, `${microBatches} micro-batches`)
    assert.ok(lastBatchTokens > 0)
    assert.is(sequencesRunning, 0)
  }))

test('a stopped request ends with the running batch and leaves its sequence unchanged', () =>
  withModel((model) => {
    const long = new Sequence(model)
    const { logits } = runTask(model, reading(long, [5, 9, 2]))
    const stop = new Int32Array(1)
    const some = SEEDS.map((seed) => generation(model, seed))
    const task = reading(long, integers(3000, 77, 300), stop)
    const { outcomes } = schedule(model, [{ task, stopped: () => stop[0] !== 0 }, ...some], ({ counts }) => {
      if (counts.microBatches === 10) stop[0] = 1
    })
    assert.instance(outcomes[0]?.error, Stopped)
    assert.is(outcomes[0]?.endedAt, 10)
    for (const outcome of outcomes.slice(1)) assert.is(replyOf<GenerateReply>(outcome).finishReason, 'length')
    assert.is(long.cache.length, 3)
    const again = runTask(model, reading(long, [7])).logits
    const fresh = new Sequence(model)
    sameBits(runTask(model, reading(fresh, [5, 9, 2])).logits, logits)
    sameBits(again, runTask(model, reading(fresh, [7])).logits)
  }))

test('the model stops within a batch if all of its sequences are stopped', () =>
  withModel((model) => {
    const stop = new Int32Array(1)
    const block = { count: 0 }
    const some = [1, 2].map(() => new Sequence(model))
    const tasks = some.map((sequence) => sequence.forward(forwardOf([1, 2, 3], { routes: true }), stop))
    const forward = model.forward.bind(model)
    model.forward = (segments) => {
      const [first] = segments
      const routes = () => {
        block.count++
        stop[0] = 1
      }
      return forward([{ ...first, taps: { ...first.taps, routes } }, ...segments.slice(1)])
    }
    const { outcomes } = schedule(
      model,
      tasks.map((task) => ({ task })),
    )
    for (const outcome of outcomes) assert.instance(outcome?.error, Stopped)
    // Both kinds of experts of one block, and no more.
    assert.is(block.count, 2)
    for (const { cache } of some) assert.is(cache.length, 0)
  }))

test('a long prompt delays decode steps by one slice, and a short prompt by less', () =>
  withModel((model) => {
    const long = reading(new Sequence(model), integers(4000, 8, 300))
    const text = generation(model, 1, { maxTokens: 15 })
    const short = reading(new Sequence(model), [1, 2, 3])
    const { outcomes } = schedule(model, [{ task: long }, { task: text.task }, { task: short, after: 3 }])
    const [longest, of, shortest] = outcomes.map((outcome) => outcome?.endedAt ?? 0)
    assert.ok(shortest === 4 && of < 20 && longest > 20, `${outcomes.map((outcome) => outcome?.endedAt)}`)
  }))

test('requests in one lane run in the order they came', () =>
  withModel((model) => {
    const sequence = new Sequence(model)
    const tasks = [[1, 2, 3], [4], [5, 6]].map((tokens) => ({ task: reading(sequence, tokens), lane: 'one' }))
    const { outcomes } = schedule(model, [...tasks, { task: generation(model, 1).task }])
    const expected = runTask(model, reading(new Sequence(model), [1, 2, 3, 4, 5, 6])).logits
    sameBits(replyOf<ForwardReply>(outcomes[2]).logits, expected)
  }))

test('a task that gives up its turn learns whether others have work, so that it does not keep them waiting', () =>
  withModel((model) => {
    const waiting = function* (): Task<number[]> {
      const heard: number[] = []
      for (let i = 0; i < 3; i++) heard.push(yield)
      return heard
    }
    const company = reading(new Sequence(model), [1, 2, 3])
    const { outcomes } = schedule(model, [{ task: waiting() }, { task: company }])
    assert.equal(replyOf(outcomes[0]), [0, 1, 1])
  }))

test.run()
