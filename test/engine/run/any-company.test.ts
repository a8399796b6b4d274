import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { generateAfter } from '#molm/engine/run/generation.js'
import type { StepMessage } from '#molm/engine/run/messages/protocol.js'
import { Sequence } from '#molm/engine/run/sequences/sequence.js'
import { type Random, seededRandom } from '#molm/engine/sampling/random.js'
import type { Segment } from '#molm/model/layers/batch-cache.js'
import type { Decoder } from '#molm/model/layers/decoder.js'
import { sameBits } from '../../support/compare.js'
import { fixturePath } from '../../support/fixtures.js'
import { type LoadedOptions, withLoaded } from '../../support/loaded-model.js'
import { integers } from '../../support/random.js'
import { exportOf, forwardOf, generateOf, read, runTask, type SequenceCopy } from '../../support/run-task.js'
import { schedule } from '../../support/schedule.js'

/*
 * Random companies: texts of all lengths come and go, are stopped, fail, wait for their readers, forget, and are
 * observed in different ways. Each text must have the same bits as alone. A seed gives the same company on every run.
 */
const test = suite('texts in any company')

/** More positions than any text has. */
const POSITIONS = 2000

/** Fate of a text. */
type Fate = 'whole' | 'waits' | 'stopped' | 'broken' | 'full'

/** One request of a text, which emits its results as plain values. */
type Turn = (sequence: Sequence, stop: Int32Array, emit: (told: unknown) => void) => ReturnType<Sequence['forward']>

interface Text {
  turns: Turn[]
  fate: Fate
  /** Number of the micro-batch before which the text arrives. */
  after: number
  /** Number of the micro-batch at which its fate comes; for `broken` and `full`, a length of the sequence. */
  due: number
}

const dice = (random: Random) => (below: number) => Math.floor(random.nextFloat() * below)

function generateTurn(roll: (below: number) => number, model: Decoder, seed: number): Turn {
  const prompt = integers(1 + roll([6, 40, 400][roll(3)]), seed, model.config.vocabSize)
  const rolls = model.config.maxPositions === undefined
  const settings = {
    // At full temperature and with a penalty, a single different bit would soon change a token.
    temperature: roll(4) === 0 ? 0 : 1,
    topK: roll(2) * 40,
    repeatPenalty: 1.1,
    seed,
    maxTokens: 1 + roll(24),
    logprobs: roll(3),
    context: rolls && roll(2) === 0 ? 8 + roll([20, 300][roll(2)]) : POSITIONS,
  }
  const [routes, probabilities] = [roll(2) === 0, roll(2) === 0]
  const request = generateOf(prompt, settings, { routes, probabilities })
  return function* (sequence, stop, emit) {
    const onStep = ({ at, ...step }: StepMessage) => emit(step)
    const { finishReason, contextFull } = yield* generateAfter(sequence, request, { stop, emit: onStep })
    emit({ finishReason, contextFull })
    return { logits: new Float32Array() }
  }
}

function forwardTurn(roll: (below: number) => number, model: Decoder, seed: number): Turn {
  const tokens = integers(1 + roll([3, 50, 350][roll(3)]), seed, model.config.vocabSize)
  const request = forwardOf(tokens, {
    ...{ logits: (['none', 'last', 'all'] as const)[roll(3)], routes: roll(2) === 0, probabilities: roll(2) === 0 },
    ...{ outputNorms: roll(2) === 0, hidden: roll(2) === 0 },
  })
  return function* (sequence, stop, emit) {
    const reply = yield* sequence.forward(request, stop)
    emit(reply)
    return reply
  }
}

function textOf(roll: (below: number) => number, model: Decoder, seed: number): Text {
  const turns = Array.from({ length: 1 + roll(3) }, (_, i) => {
    return (roll(3) === 0 ? forwardTurn : generateTurn)(roll, model, 100 * seed + i)
  })
  const fate = (['whole', 'whole', 'waits', 'stopped', 'broken', 'full'] as const)[roll(6)]
  return { turns, fate, after: roll(9), due: fate === 'broken' || fate === 'full' ? roll(500) : roll(25) }
}

interface Told {
  sequence: Sequence
  /** Steps and replies, each with the number of its turn. */
  told: [turn: number, what: unknown][]
}

/** A text alone, without a fate. */
function alone(model: Decoder, { turns }: Text): Told {
  const sequence = new Sequence(model)
  const told: Told['told'] = []
  for (const [number, turn] of turns.entries()) {
    const task = turn(sequence, new Int32Array(1), (what) => told.push([number, what]))
    runTask(model, task)
  }
  return { sequence, told }
}

/** Runs all texts at once; the result says how each turn ended. */
function together(model: Decoder, texts: Text[]): (Told & { errors: unknown[] })[] {
  const stops = texts.map(() => new Int32Array(1))
  const some = texts.map((): Told => ({ sequence: new Sequence(model), told: [] }))
  const waiting = new Set(texts.keys())
  for (const [i, { fate, due }] of texts.entries()) {
    const { cache } = some[i].sequence
    const reserve = cache.reserve.bind(cache)
    cache.reserve = (tokens, atOnce) => {
      if (fate === 'full' && cache.length >= due) throw new Error('no room')
      reserve(tokens, atOnce)
    }
  }
  const forward = model.forward.bind(model)
  const isBroken = ({ cache }: Segment) => {
    const { fate, due } = texts[some.findIndex(({ sequence }) => sequence.cache === cache)]
    return fate === 'broken' && cache.length >= due
  }
  const routes = () => {
    throw new Error('the disk is gone')
  }
  model.forward = (segments) =>
    forward(segments.map((segment) => (isBroken(segment) ? { ...segment, taps: { routes } } : segment)))
  const tasks = texts.flatMap(({ turns, fate, after, due }, i) =>
    turns.map((turn, number) => ({
      task: turn(some[i].sequence, stops[i], (what) => some[i].told.push([number, what])),
      lane: `text ${i}`,
      after,
      stopped: () => stops[i][0] !== 0,
      isWanted: () => fate !== 'waits' || some[i].told.length < due || !waiting.has(i),
    })),
  )
  try {
    const { outcomes, scheduler } = schedule(model, tasks, ({ counts }) => {
      for (const [i, { fate, due }] of texts.entries()) {
        if (fate === 'stopped' && counts.microBatches >= due) stops[i][0] = 1
        if (fate === 'waits' && counts.microBatches >= 2 * due) waiting.delete(i)
      }
    })
    waiting.clear()
    while (scheduler.step(() => undefined));
    assert.is(scheduler.counts.sequencesRunning, 0)
    let first = 0
    return some.map((each, i) => {
      const own = outcomes.slice(first, first + texts[i].turns.length)
      first += own.length
      return { ...each, errors: own.map((outcome) => outcome?.error) }
    })
  } finally {
    model.forward = forward
    for (const { sequence } of some) Reflect.deleteProperty(sequence.cache, 'reserve')
  }
}

/** An exported sequence, and logits after two more tokens. */
type State = SequenceCopy & { next: Float32Array }

function stateOf(sequence: Sequence): State {
  return { ...exportOf(sequence), next: read(sequence, [3, 1]).logits }
}

function sameSequence(found: State, expected: State, what: string): void {
  assert.equal([...found.tokens], [...expected.tokens], `${what}: tokens`)
  assert.is(found.oldest, expected.oldest, `${what}: the oldest position`)
  // Checkpoints depend on the requests that made the sequence.
  if (found.checkpoints.length + expected.checkpoints.length === 0) {
    assert.ok(areEqual(found.tensors, expected.tensors), `${what}: the cache`)
  }
  sameBits(found.next, expected.next, `${what}: the next logits`)
}

const areEqual = (found: Uint8Array[], expected: Uint8Array[]) => Buffer.concat(found).equals(Buffer.concat(expected))

/** The state of a sequence that ran these tokens at once. */
function fresh(model: Decoder, tokens: Int32Array): State {
  const sequence = new Sequence(model)
  if (tokens.length > 0) read(sequence, tokens, { logits: 'none' })
  const all = stateOf(sequence)
  sequence.release()
  return all
}

/** Runs one company and counts its texts by fate. */
function checkCompany(model: Decoder, seed: number): Record<string, number> {
  const roll = dice(seededRandom(seed))
  const texts = Array.from({ length: 2 + roll(14) }, (_, i) => textOf(roll, model, 50 * seed + i))
  const counts: Record<string, number> = {}
  const found = together(model, texts)
  for (const [i, { told, errors, ...rest }] of found.entries()) {
    const { fate } = texts[i]
    const what = `seed ${seed}, text ${i}, ${fate}`
    const expected = alone(model, texts[i])
    const failed = errors.filter((error) => error !== undefined)
    if (fate === 'whole' || fate === 'waits') assert.equal(failed, [], what)
    if (failed.length === 0) {
      assert.equal(told, expected.told, what)
      sameSequence(stateOf(rest.sequence), stateOf(expected.sequence), what)
    } else {
      counts.failed = (counts.failed ?? 0) + 1
      // Compare only up to the first failure: later turns continue another sequence than alone.
      const last = errors.findIndex((error) => error !== undefined)
      const known = told.filter(([turn]) => turn <= last)
      const whole = expected.told.filter(([turn]) => turn < last).length
      assert.ok(known.length >= whole, what)
      assert.equal(known, expected.told.slice(0, known.length), what)
      const state = stateOf(rest.sequence)
      // If nothing has been forgotten, it must be as if the remaining tokens had been run at once.
      if (state.oldest === 0) sameSequence(state, fresh(model, state.tokens), what)
    }
    counts[fate] = (counts[fate] ?? 0) + 1
    rest.sequence.release()
    expected.sequence.release()
  }
  return counts
}

const fates: Record<string, number> = {}

/** Runs companies of one model. */
async function check(name: string, options: LoadedOptions, seeds: number[]): Promise<void> {
  await withLoaded(fixturePath(name), { positions: POSITIONS, ...options }, ({ model }) => {
    for (const seed of seeds) {
      for (const [fate, count] of Object.entries(checkCompany(model, seed))) fates[fate] = (fates[fate] ?? 0) + count
    }
  })
}

test('of a model that may forget its oldest tokens', () =>
  check('02-base-safetensors-f32', { quant: 'q4', threads: 2 }, [1, 2, 3]))

test('of a model with softmax attention', async () => {
  await check('61-jetmoe-f32', { quant: 'q8' }, [11, 12])
  await check('52-mixtral-window-bf16-sharded', { quant: 'q4', tier: 'plain' }, [15])
  await check('112-deepseekv2-bf16-sharded', { quant: 'q4' }, [16])
})

test('of a model with convolutions, sinks, windows or DeltaNet in some layers', async () => {
  await check('82-lfm2moe-bf16-sharded', { quant: 'q4' }, [21, 22])
  await check('72-gptoss-mxfp4', { quant: 'q8', tier: 'plain' }, [24])
  await check('91-granitehybrid-f32', { quant: 'q4' }, [31, 32])
  await check('152-smallthinker-window-bf16-sharded', { quant: 'f32' }, [27])
  await check('181-afmoe-f32', { quant: 'q4' }, [28, 29])
  await check('196-qwen35moe-bf16', { quant: 'q4' }, [29])
  await check('207-zaya-bf16-sharded', { quant: 'q8' }, [29])
  await check('211-ling3-f32', { quant: 'q4' }, [29])
})

test('of all fates', () => {
  for (const fate of ['whole', 'waits', 'stopped', 'broken', 'full', 'failed']) assert.ok(fates[fate] > 0, fate)
})

test.run()
