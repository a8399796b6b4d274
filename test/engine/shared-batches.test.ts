import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Demand } from '#molm/engine/demand.js'
import { runMicroBatch } from '#molm/engine/micro-batch.js'
import type { ForwardReply, ForwardRequest } from '#molm/engine/protocol.js'
import { Sequence } from '#molm/engine/sequence.js'
import { convertModel, describeModel } from '#molm/index.js'
import type { ExpertMask } from '#molm/model/expert-mask.js'
import { type Decoder, MAX_BATCH } from '#molm/nn/decoder.js'
import { type Random, seededRandom } from '#molm/sampling/random.js'
import { sameBits } from '../support/compare.js'
import { FAMILY_FIXTURES } from '../support/family-fixtures.js'
import { FIXTURES, fixturePath, repositoryPath } from '../support/fixtures.js'
import { type LoadedOptions, withLoaded } from '../support/loaded-model.js'
import { integers } from '../support/random.js'
import { runTask } from '../support/run-task.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'

/*
 * Sequences that share micro-batches give the same bits as alone, for any company and any pieces: logits, routes,
 * probabilities and hidden states.
 */
const test = suite('sequences that share micro-batches')

/** Lengths of texts around the sizes of pages (32), spans of softmax attention (256) and micro-batches. */
const LENGTHS = [1, 3, 40, 300, 33, 2, 90]
/** More positions than these checkpoints have. */
const POSITIONS = 1000

function textsFor({ config }: Decoder): Int32Array[] {
  return LENGTHS.map((length, i) => Int32Array.from(integers(length, 50 + i, config.vocabSize)))
}

function requestFor(tokens: Int32Array, logits: 'all' | 'last', outputNorms: boolean): ForwardRequest {
  return { kind: 'forward', session: 0, tokens, logits, routes: true, probabilities: true, outputNorms, hidden: true }
}

/** Some requests want all logits, some only the last. */
const wantedOf = (i: number) => (i % 2 === 0 ? 'all' : 'last')

function alone(model: Decoder, tokens: Int32Array, i: number, mask?: ExpertMask): ForwardReply {
  const sequence = new Sequence(model, mask)
  const reply = runTask(model, sequence.forward(requestFor(tokens, wantedOf(i), true), new Int32Array(1)))
  sequence.release()
  return reply
}

interface Runner {
  sequence: Sequence
  demand?: Demand
  reply?: ForwardReply
  next(count: number): void
}

/** Runs all texts together. Each begins at a random time, comes in random pieces and may have a mask of its own. */
function together(
  model: Decoder,
  texts: Int32Array[],
  random: Random,
  masks: readonly (ExpertMask | undefined)[] = [],
): ForwardReply[] {
  const below = (n: number) => Math.floor(random.nextFloat() * n)
  const runners = texts.map((tokens, i): Runner => {
    const sequence = new Sequence(model, masks[i])
    const task = sequence.forward(requestFor(tokens, wantedOf(i), true), new Int32Array(1))
    const runner: Runner = {
      sequence,
      next(count) {
        const step = task.next(count)
        runner.demand = step.done ? undefined : step.value
        if (step.done) runner.reply = step.value
      },
    }
    return runner
  })
  const waiting = [...runners]
  const running: Runner[] = []
  while (waiting.length + running.length > 0) {
    for (let joining = below(3); joining > 0 && waiting.length > 0; joining--) {
      const [runner] = waiting.splice(below(waiting.length), 1)
      runner.next(0)
      running.push(runner)
    }
    let room = MAX_BATCH
    const shares = running.flatMap((runner) => {
      const { demand } = runner
      const most = Math.min(room, demand?.tokens.length ?? 0)
      const count = below(3) === 0 ? Math.min(1, most) : below(most + 1)
      if (!demand || count === 0) return []
      room -= count
      return { runner, demand, count }
    })
    if (shares.length === 0) continue
    const errors = runMicroBatch(model, shares)
    for (const error of errors) assert.is(error, undefined)
    for (const { runner, count } of shares) {
      runner.next(count)
      if (runner.reply) running.splice(running.indexOf(runner), 1)
    }
  }
  return runners.map(({ sequence, reply }) => {
    sequence.release()
    if (!reply) throw new Error('a sequence has no reply')
    return reply
  })
}

function sameReply(found: ForwardReply, expected: ForwardReply, what: string): void {
  sameBits(found.logits, expected.logits, `${what}: logits`)
  assert.equal(found.routes?.ids, expected.routes?.ids, `${what}: experts`)
  for (const field of ['gates', 'probabilities', 'outputNorms'] as const) {
    const [a, b] = [found.routes?.[field], expected.routes?.[field]]
    assert.ok(a && b)
    sameBits(a, b, `${what}: ${field}`)
  }
  assert.ok(found.hidden && expected.hidden)
  sameBits(found.hidden, expected.hidden, `${what}: hidden states`)
}

/** Results of each text alone, on one thread. */
function expectedOf(path: string, options: LoadedOptions): Promise<ForwardReply[]> {
  return withLoaded(path, { ...options, positions: POSITIONS, threads: 1 }, ({ model }) => {
    return textsFor(model).map((tokens, i) => alone(model, tokens, i))
  })
}

async function check(path: string, options: LoadedOptions, seeds: number[]): Promise<void> {
  const expected = await expectedOf(path, { quant: options.quant })
  await withLoaded(path, { ...options, positions: POSITIONS }, ({ model }) => {
    for (const seed of seeds) {
      const found = together(model, textsFor(model), seededRandom(seed))
      const what = JSON.stringify({ ...options, seed })
      for (const [i, reply] of found.entries()) sameReply(reply, expected[i], `${what}, ${LENGTHS[i]} tokens`)
    }
  })
}

for (const name of [...FIXTURES, ...FAMILY_FIXTURES]) {
  test(`${name}: the same bits as each alone`, async () => {
    const path = fixturePath(name)
    await check(path, { quant: 'q4', threads: 2 }, [1, 2])
    await check(path, { quant: 'f32', threads: 3, tier: 'plain' }, [3])
  })
}

for (const name of ['03-topk4-safetensors-bf16-sharded', '52-mixtral-window-bf16-sharded', '61-jetmoe-f32']) {
  test(`${name}: with 8-bit weights, many threads and the scalar kernels`, async () => {
    const path = fixturePath(name)
    await check(path, { quant: 'q8', threads: 1 }, [4])
    await check(path, { quant: 'q8', threads: 1, tier: 'scalar' }, [5])
    await check(path, { quant: 'q8', threads: 7 }, [6])
  })
}

test('with experts masked', async () => {
  const path = fixturePath('02-base-safetensors-f32')
  for (const gates of ['kept', 'all'] as const) {
    await withLoaded(path, { quant: 'q4', threads: 2 }, ({ model }) => {
      model.masks.set({ mlp: Array.from({ length: model.config.layers }, (_, l) => [l % 2]), gates })
      const texts = textsFor(model)
      const expected = texts.map((tokens, i) => alone(model, tokens, i))
      const found = together(model, texts, seededRandom(7))
      for (const [i, reply] of found.entries()) sameReply(reply, expected[i], `${gates}, ${LENGTHS[i]} tokens`)
    })
  }
})

test('with a mask for each sequence, which gives the bits of the same mask for all', async () => {
  const path = fixturePath('02-base-safetensors-f32')
  await withLoaded(path, { quant: 'q4', threads: 2 }, ({ model }) => {
    const { layers, width } = model.config
    const ids = Array.from({ length: layers }, (_, l) => [l % 2])
    const means = { mlp: ids.map((_, l) => new Float32Array(width).fill(l / 8)) }
    const masks: (ExpertMask | undefined)[] = [
      undefined,
      { mlp: ids, gates: 'kept' },
      { mlp: ids, gates: 'all' },
      { attention: ids, mlp: ids, gates: 'kept', instead: 'nothing' },
      { mlp: ids, gates: 'kept', instead: { means } },
    ]
    const texts = textsFor(model)
    const ofText = texts.map((_, i) => masks[i % masks.length])
    const expected = texts.map((tokens, i) => {
      model.masks.set(ofText[i])
      return alone(model, tokens, i)
    })
    model.masks.set(undefined)
    const found = together(model, texts, seededRandom(8), ofText)
    for (const [i, reply] of found.entries()) sameReply(reply, expected[i], `mask ${i % masks.length}`)
    const differing = expected.filter(
      ({ logits }, i) => ofText[i] && !sameNumbers(logits, alone(model, texts[i], i).logits),
    )
    assert.is(differing.length, ofText.filter(Boolean).length)
  })
})

function sameNumbers(a: Float32Array, b: Float32Array): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i])
}

test('of a model in several memories that cannot hold all experts at once', () =>
  inTemporaryFolder(async (dir) => {
    const path = `${dir}/nano`
    await convertModel(repositoryPath('models/nano'), path, { threads: 2 })
    const { bytes } = await describeModel(path)
    const memory = Math.round(bytes * 0.8)
    await check(path, { threads: 2, memory, bankBytes: bytes / 2 }, [8])
    await withLoaded(path, { threads: 2, memory, bankBytes: bytes / 2 }, ({ store }) => {
      assert.ok(store.banks.length >= 2, `${store.banks.length} memories`)
    })
    await check(path, { threads: 1, memory: (await describeModel(path)).leastBytes }, [9])
  }))

test.run()
