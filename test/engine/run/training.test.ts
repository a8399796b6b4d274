import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { ExpertTraining, TrainingPlan, TrainingStep } from '#molm/api/training.js'
import { EngineClient, Interrupted } from '#molm/engine/run/client.js'
import type { ForwardReply, Request, StepMessage } from '#molm/engine/run/messages/protocol.js'
import { EngineTraining } from '#molm/engine/session/expert-training.js'
import { trainedTensors } from '#molm/engine/training/plan.js'
import { preparedModel } from '#molm/library/finding/resolve-model.js'
import { layoutOf } from '#molm/model/families/index.js'
import type { Quant } from '#molm/model/packing/format/formats.js'
import { formatsFor } from '#molm/model/packing/format/formats.js'
import { sameBits } from '../../support/compare.js'
import { fixturePath } from '../../support/fixtures.js'
import { integers } from '../../support/random.js'
import { rejectsWithUserError, thrownBy } from '../../support/rejects.js'
import { forwardOf, generateOf } from '../../support/run-task.js'

const test = suite('training in an engine')

const PATH = fixturePath('02-base-safetensors-f32')
const VOCABULARY = 320
const PLAN: TrainingPlan = {
  mixtures: [
    { layer: 1, kind: 'mlp', newExperts: 1 },
    { layer: 2, kind: 'attention', newExperts: 1 },
  ],
  maxTokens: 128,
}
const BATCH = { sequences: [60, 100, 31].map((length, i) => Int32Array.from(integers(length, i + 1, VOCABULARY))) }

type Ask = <T>(request: Request) => Promise<T>

interface Running {
  training: ExpertTraining
  ask: Ask
  client: EngineClient
}

const engines = new Map<string, Promise<EngineClient>>()

/** Runs `use` with an engine of these weights that all tests share. */
async function withEngine(path: string, quant: Quant, use: (engine: Running) => Promise<void>) {
  const key = `${path} ${quant}`
  const started = engines.get(key) ?? startEngine(path, quant)
  engines.set(key, started)
  const client = await started
  const ask: Ask = (request) => client.call<never>(request).reply
  await use({ training: new EngineTraining(client), ask, client })
}

async function startEngine(path: string, quant: Quant): Promise<EngineClient> {
  const { config, path: file, kind } = await preparedModel(path)
  const memory = Number.MAX_SAFE_INTEGER
  const model = { config, formats: formatsFor(quant), path: file, kind, memory, memoryIsGiven: false, free: memory }
  return EngineClient.start({ threads: 1, model })
}

test.after(async () => {
  for (const engine of engines.values()) await (await engine).close()
})

let sessions = 0
/** A session that no other test uses. */
const newSession = () => sessions++

/** Weights of new experts that copy expert 3 and its router row. */
async function copies(training: ExpertTraining, quant: Quant): Promise<Float32Array> {
  const { config } = await preparedModel(PATH)
  const { tensors, floats } = trainedTensors(layoutOf(config, formatsFor(quant)), PLAN)
  const weights = new Float32Array(floats)
  for (const { layer, kind } of PLAN.mixtures) {
    const first = tensors.find((tensor) => tensor.layer === layer && tensor.kind === kind)
    weights.set(await training.expert(layer, kind, 3), first?.offset)
  }
  return weights
}

for (const quant of ['f32', 'q4'] as const) {
  test(`${quant}: new experts learn a text`, () =>
    withEngine(PATH, quant, async ({ training }) => {
      const size = await training.size(PLAN)
      const begun = await training.begin(PLAN, await copies(training, quant))
      assert.equal(begun, size)
      const before = await training.loss(BATCH)
      assert.is(before.tokens, 191)
      assert.is(before.predictions, 188)
      const balance = { kind: 'new-experts', weight: 0.02 } as const
      let last: TrainingStep | undefined
      for (let i = 0; i < 12; i++) {
        last = await training.step(BATCH, { learningRate: 0.01 }, { balance })
      }
      assert.ok(last && last.gradientNorm > 0)
      const after = await training.loss(BATCH)
      await training.end()
      assert.ok(after.loss < before.loss - 0.5, `${before.loss} -> ${after.loss}`)
      assert.ok(after.newExpertShare > before.newExpertShare, `${before.newExpertShare} -> ${after.newExpertShare}`)
    }))
}

test('a session computes as before during a training, and trained copies compute as their originals at first', () =>
  withEngine(PATH, 'f32', async ({ training, ask }) => {
    const [tokens] = BATCH.sequences
    const run = (session: number) => ask<ForwardReply>(forwardOf(tokens, { session, logits: 'all' }))
    const { logits } = await run(newSession())
    let expected = 0
    for (let t = 1; t < tokens.length; t++) {
      const row = logits.subarray((t - 1) * VOCABULARY, t * VOCABULARY)
      expected += Math.log(row.reduce((sum, z) => sum + Math.exp(z), 0)) - row[tokens[t]]
    }
    // New experts with rows of zeros would be chosen; copies of the model's own experts change nothing.
    const plan: TrainingPlan = { mixtures: [{ layer: 2, kind: 'mlp', existing: [1, 5] }] }
    await training.begin(plan)
    const { loss } = await training.loss({ sequences: [tokens] })
    assert.ok(Math.abs(loss - expected / (tokens.length - 1)) < 1e-5, `${loss}, not ${expected / (tokens.length - 1)}`)
    await training.step(BATCH, { learningRate: 0.01 })
    sameBits((await run(newSession())).logits, logits)
  }))

test('requests that arrive before the training code is loaded are answered in order, during a generation', () =>
  withEngine(PATH, 'q4', async ({ training, ask }) => {
    const forward = () => ask<ForwardReply>(forwardOf(BATCH.sequences[1], { session: newSession() }))
    const alone = await forward()
    const order: string[] = []
    const logged = <T>(name: string, reply: Promise<T>) => reply.finally(() => order.push(name))
    const all = await Promise.all([
      logged('begin', training.begin(PLAN)),
      forward(),
      logged('read', training.read(false)),
      logged('end', training.end()),
    ])
    assert.equal(order, ['begin', 'read', 'end'])
    assert.is(all[2].weights.length, all[0].parameters)
    sameBits(all[1].logits, alone.logits)
  }))

test('a generation and a concurrent step are each the same as alone, to the bit', () =>
  withEngine(PATH, 'f32', async ({ training, client }) => {
    const order: string[] = []
    const generate = async (session: number) => {
      const steps: { token: number; logprob: number }[] = []
      const settings = { maxTokens: 24, temperature: 1, topK: 0, topP: 1, minP: 0, seed: 5, ignoreEos: true }
      const onStep = ({ token, logprob }: StepMessage) => {
        order.push('token')
        steps.push({ token, logprob })
      }
      await client.call(generateOf(BATCH.sequences[1], settings, { session }), { onStep }).reply
      return steps
    }
    const step = async () => {
      const optimiser = { learningRate: 0.01 }
      const done = await training.step(BATCH, optimiser)
      order.push('step')
      return done
    }
    const weights = await copies(training, 'f32')
    await training.begin(PLAN, weights)
    const alone = { text: await generate(newSession()), step: await step() }
    const expected = await training.read()
    await training.begin(PLAN, weights)
    order.splice(0)
    // A step of two micro-batches: tokens come between them, and the rest after it.
    const [stepped, text] = await Promise.all([step(), generate(newSession())])
    assert.ok(order.indexOf('token') < order.indexOf('step'), order.join(' '))
    assert.equal(text, alone.text)
    assert.equal(stepped, alone.step)
    const found = await training.read()
    sameBits(found.weights, expected.weights)
  }))

test('a restored state continues like the original training', () =>
  withEngine(PATH, 'f32', async ({ training }) => {
    const weights = await copies(training, 'f32')
    const step = () => training.step(BATCH, { learningRate: 0.01 })
    const read = () => training.read()
    await training.begin(PLAN, weights)
    await step()
    const saved = await read()
    assert.is(saved.steps, 1)
    const next = await step()
    const expected = await read()
    await training.begin(PLAN, weights)
    await training.write(saved)
    assert.equal(await step(), next)
    const found = await read()
    assert.is(found.steps, 2)
    for (const name of ['weights', 'firstMoments', 'secondMoments'] as const)
      sameBits(found[name], expected[name], name)
    // Without moments the optimiser restarts.
    await training.write({ ...saved, firstMoments: new Float32Array(), secondMoments: new Float32Array() })
    assert.is((await read()).steps, 0)
  }))

test('only predictions with a weight of 1 count', () =>
  withEngine(PATH, 'f32', async ({ training }) => {
    await training.begin(PLAN, await copies(training, 'f32'))
    const [tokens] = BATCH.sequences
    const loss = (weights?: Float32Array) => training.loss({ sequences: [tokens], weights: [weights] })
    const half = (isFirst: boolean) => Float32Array.from(tokens, (_, t) => (t < 30 === isFirst ? 1 : 0))
    const [all, first, second] = [await loss(), await loss(half(true)), await loss(half(false))]
    assert.is(first.predictions, 29)
    assert.is(second.predictions, 30)
    assert.ok(Math.abs((29 * first.loss + 30 * second.loss) / 59 - all.loss) < 1e-9)
  }))

test('a step that is stopped, or whose loss is not a number, is not taken', () =>
  withEngine(PATH, 'f32', async ({ training, client }) => {
    const weights = await copies(training, 'f32')
    await training.begin(PLAN, weights)
    const sequences = Array.from({ length: 40 }, () => BATCH.sequences[1])
    const step = client.call<TrainingStep>({
      kind: 'train',
      method: 'step',
      arguments: [{ sequences }, { learningRate: 0.1 }, undefined],
    })
    step.stop()
    assert.instance(await thrownBy(step.reply), Interrupted)
    const broken = weights.slice()
    broken.fill(Number.NaN)
    sameBits((await training.read(false)).weights, weights)
    await training.begin(PLAN, broken)
    const result = await training.step(BATCH, { learningRate: 0.1 })
    assert.not.ok(Number.isFinite(result.gradientNorm))
    const after = await training.read(false)
    assert.is(after.steps, 0)
    sameBits(after.weights, broken)
  }))

type Call = (training: ExpertTraining) => Promise<unknown>

const REFUSALS: [Call, RegExp][] = [
  [(training) => training.loss(BATCH), /no training is under way/],
  [begin([]), /names no experts to train/],
  [begin([{ layer: 3, kind: 'mlp', newExperts: 1 }]), /layer 3 has no mlp experts/],
  [begin([{ layer: 1, kind: 'mlp', existing: [8] }]), /layer 1 has no mlp expert 8/],
  [(training) => training.expert(0, 'attention', 4), /no attention expert 4/],
  [begin([1, 1].map((layer) => ({ layer, kind: 'mlp', newExperts: 1 }))), /named twice/],
  [(training) => training.begin(PLAN, new Float32Array(3)), /not 3/],
  [begin([{ layer: 0, kind: 'mlp', existing: [1] }]), /packed in q4/],
]

function begin(mixtures: TrainingPlan['mixtures']): Call {
  return (training) => training.begin({ mixtures })
}

test('plans and batches that cannot be trained are refused with the reason', () =>
  withEngine(PATH, 'q4', async ({ training }) => {
    for (const [call, message] of REFUSALS) await rejectsWithUserError(() => call(training), message)
    await training.begin(PLAN)
    for (const [sequences, message] of [
      [[Int32Array.of(1)], /nothing is predicted/],
      [[Int32Array.of(1, 320)], /token id 320/],
      [[new Int32Array(129)], /129 tokens, and this training takes 128/],
    ] as const) {
      await rejectsWithUserError(() => training.loss({ sequences: [...sequences] }), message)
    }
    await training.end()
    await rejectsWithUserError(() => training.read(), /no training is under way/)
  }))

test('a family without a backward pass and a classifier cannot be trained', async () => {
  const plan: TrainingPlan = { mixtures: [{ layer: 0, kind: 'mlp', newExperts: 1 }] }
  await withEngine(fixturePath('31-olmoe-f32'), 'f32', async ({ training }) => {
    await rejectsWithUserError(() => training.begin(plan), /OLMoE models cannot be trained/)
  })
  await withEngine(fixturePath('13-classifier-safetensors-f32'), 'f32', async ({ training }) => {
    await rejectsWithUserError(() => training.begin(plan), /classification model cannot be trained/)
  })
})

test('training needs the experts per token of config.json', () =>
  withEngine(PATH, 'q4', async ({ training, ask }) => {
    await ask({ kind: 'depth', expertsPerToken: 1 })
    await rejectsWithUserError(() => training.size(PLAN), /are taught with the experts per token of config.json/)
  }))

test.run()
