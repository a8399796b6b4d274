import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { TrainingLoss, TrainingPlan, TrainingSize, TrainingState, TrainingStep } from '#molm/api/training.js'
import { layoutOf } from '#molm/architectures/index.js'
import { EngineClient, Interrupted } from '#molm/engine/client.js'
import type { ExpertWeightsReply, ForwardReply, Request } from '#molm/engine/protocol.js'
import { settle } from '#molm/generation-options.js'
import { resolveModel } from '#molm/library/resolve-model.js'
import type { Quant } from '#molm/packing/format/formats.js'
import { formatsFor } from '#molm/packing/format/formats.js'
import { trainedTensors } from '#molm/training/plan.js'
import { sameBits } from '../support/compare.js'
import { fixturePath, repositoryPath } from '../support/fixtures.js'
import { integers } from '../support/random.js'
import { thrownBy } from '../support/rejects.js'

const test = suite('training in an engine')

const NANO = repositoryPath('models/nano')
const PLAN: TrainingPlan = {
  mixtures: [
    { layer: 4, kind: 'mlp', newcomers: 1 },
    { layer: 5, kind: 'attention', newcomers: 1 },
  ],
  maxTokens: 128,
}
const BATCH = { sequences: [60, 100, 31].map((length, i) => Int32Array.from(integers(length, i + 1, 4000))) }

type Ask = <T>(request: Request) => Promise<T>

async function withEngine(path: string, quant: Quant, use: (ask: Ask, client: EngineClient) => Promise<void>) {
  const { config, path: file, kind } = await resolveModel(path)
  const memory = Number.MAX_SAFE_INTEGER
  const model = { config, formats: formatsFor(quant), path: file, kind, memory, memoryIsGiven: false, free: memory }
  const client = await EngineClient.start({ threads: 2, model })
  try {
    await use((request) => client.call<never>(request).reply, client)
  } finally {
    await client.close()
  }
}

/** Newcomers that are copies of expert 3, with their rows of the router. */
async function copies(ask: Ask, quant: Quant): Promise<Float32Array> {
  const { config } = await resolveModel(NANO)
  const { tensors, floats } = trainedTensors(layoutOf(config, formatsFor(quant)), PLAN)
  const weights = new Float32Array(floats)
  for (const { layer, kind } of PLAN.mixtures) {
    const first = tensors.find((tensor) => tensor.layer === layer && tensor.kind === kind)
    const expert = await ask<ExpertWeightsReply>({ kind: 'train-expert', layer, mixture: kind, expert: 3 })
    weights.set(expert.weights, first?.offset)
  }
  return weights
}

for (const quant of ['f32', 'q4'] as const) {
  test(`${quant}: newcomers learn a text, whatever it costs the others`, () =>
    withEngine(NANO, quant, async (ask) => {
      const size = await ask<TrainingSize>({ kind: 'train-size', plan: PLAN })
      const begun = await ask<TrainingSize>({ kind: 'train-begin', plan: PLAN, weights: await copies(ask, quant) })
      assert.equal(begun, size)
      const before = await ask<TrainingLoss>({ kind: 'train-loss', batch: BATCH })
      assert.is(before.tokens, 191)
      assert.is(before.predictions, 188)
      const steering = { kind: 'newcomers', weight: 0.02 } as const
      let last: TrainingStep | undefined
      for (let i = 0; i < 12; i++) {
        last = await ask<TrainingStep>({
          kind: 'train-step',
          batch: BATCH,
          optimiser: { learningRate: 0.01 },
          terms: { steering },
        })
      }
      assert.ok(last && last.gradientNorm > 0)
      const after = await ask<TrainingLoss>({ kind: 'train-loss', batch: BATCH })
      assert.ok(after.loss < before.loss - 0.5, `${before.loss} -> ${after.loss}`)
      assert.ok(after.newcomerShare > before.newcomerShare, `${before.newcomerShare} -> ${after.newcomerShare}`)
    }))
}

test('a session beside it computes as before, and with a training whose newcomers are never chosen so does that', () =>
  withEngine(NANO, 'f32', async (ask) => {
    const [tokens] = BATCH.sequences
    const run = (session: number) =>
      ask<ForwardReply>({
        kind: 'forward',
        session,
        tokens: tokens.slice(),
        logits: 'all',
        routes: false,
        probabilities: false,
        hidden: false,
      })
    const { logits } = await run(1)
    let expected = 0
    for (let t = 1; t < tokens.length; t++) {
      const row = logits.subarray((t - 1) * 4096, t * 4096)
      expected += Math.log(row.reduce((sum, z) => sum + Math.exp(z), 0)) - row[tokens[t]]
    }
    // Rows of zeros would be chosen; experts that the model has, trained as they are, change nothing.
    const plan: TrainingPlan = { mixtures: [{ layer: 2, kind: 'mlp', existing: [1, 5] }] }
    await ask({ kind: 'train-begin', plan })
    const { loss } = await ask<TrainingLoss>({ kind: 'train-loss', batch: { sequences: [tokens] } })
    assert.ok(Math.abs(loss - expected / (tokens.length - 1)) < 1e-5, `${loss}, not ${expected / (tokens.length - 1)}`)
    await ask({ kind: 'train-step', batch: BATCH, optimiser: { learningRate: 0.01 } })
    sameBits((await run(2)).logits, logits)
  }))

test('requests that come before the code of training has been read are answered in order, beside a generation', () =>
  withEngine(NANO, 'q4', async (ask) => {
    const forward: Request = {
      ...{ kind: 'forward', session: 1, tokens: BATCH.sequences[1], logits: 'last' },
      ...{ routes: false, probabilities: false, hidden: false },
    }
    const alone = await ask<ForwardReply>({ ...forward, session: 2 })
    const order: string[] = []
    const told = <T>(name: string, reply: Promise<T>) => reply.finally(() => order.push(name))
    const all = await Promise.all([
      told('begin', ask<TrainingSize>({ kind: 'train-begin', plan: PLAN })),
      ask<ForwardReply>(forward),
      told('read', ask<TrainingState>({ kind: 'train-read', optimiser: false })),
      told('end', ask<undefined>({ kind: 'train-end' })),
    ])
    assert.equal(order, ['begin', 'read', 'end'])
    assert.is(all[2].weights.length, all[0].parameters)
    sameBits(all[1].logits, alone.logits)
  }))

test('a generation and a step that run beside each other are each what they are alone, to the bit', () =>
  withEngine(NANO, 'f32', async (ask, client) => {
    const order: string[] = []
    const generate = async (session: number) => {
      const steps: { token: number; logprob: number }[] = []
      const settings = settle({ maxTokens: 24, temperature: 1, topK: 0, topP: 1, minP: 0, seed: 5, ignoreEos: true })
      const prompt = BATCH.sequences[1].slice()
      await client.call(
        { kind: 'generate', session, prompt, eos: [], settings, routes: false, probabilities: false },
        {
          onStep: ({ token, logprob }) => {
            order.push('token')
            steps.push({ token, logprob })
          },
        },
      ).reply
      return steps
    }
    const step = async () => {
      const optimiser = { learningRate: 0.01 }
      const done = await ask<TrainingStep>({ kind: 'train-step', batch: BATCH, optimiser })
      order.push('step')
      return done
    }
    const weights = await copies(ask, 'f32')
    await ask({ kind: 'train-begin', plan: PLAN, weights })
    const alone = { text: await generate(1), step: await step() }
    const expected = await ask<TrainingState>({ kind: 'train-read', optimiser: true })
    await ask({ kind: 'train-begin', plan: PLAN, weights })
    order.splice(0)
    // A step of two micro-batches: tokens come between them, and the rest after it.
    const [stepped, text] = await Promise.all([step(), generate(2)])
    assert.ok(order.indexOf('token') < order.indexOf('step'), order.join(' '))
    assert.equal(text, alone.text)
    assert.equal(stepped, alone.step)
    const found = await ask<TrainingState>({ kind: 'train-read', optimiser: true })
    sameBits(found.weights, expected.weights)
  }))

test('a state that was read goes on as the training itself', () =>
  withEngine(NANO, 'f32', async (ask) => {
    const weights = await copies(ask, 'f32')
    const step = () => ask<TrainingStep>({ kind: 'train-step', batch: BATCH, optimiser: { learningRate: 0.01 } })
    const read = () => ask<TrainingState>({ kind: 'train-read', optimiser: true })
    await ask({ kind: 'train-begin', plan: PLAN, weights })
    await step()
    const saved = await read()
    assert.is(saved.steps, 1)
    const next = await step()
    const expected = await read()
    await ask({ kind: 'train-begin', plan: PLAN, weights })
    await ask({ kind: 'train-write', state: saved })
    assert.equal(await step(), next)
    const found = await read()
    assert.is(found.steps, 2)
    for (const name of ['weights', 'firstMoments', 'secondMoments'] as const)
      sameBits(found[name], expected[name], name)
    // Without moments the optimiser begins anew.
    await ask({
      kind: 'train-write',
      state: { ...saved, firstMoments: new Float32Array(), secondMoments: new Float32Array() },
    })
    assert.is((await read()).steps, 0)
  }))

test('predictions count as their weights say', () =>
  withEngine(NANO, 'f32', async (ask) => {
    await ask({ kind: 'train-begin', plan: PLAN, weights: await copies(ask, 'f32') })
    const [tokens] = BATCH.sequences
    const loss = (weights?: Float32Array) =>
      ask<TrainingLoss>({ kind: 'train-loss', batch: { sequences: [tokens], weights: [weights] } })
    const half = (isFirst: boolean) => Float32Array.from(tokens, (_, t) => (t < 30 === isFirst ? 1 : 0))
    const [all, first, second] = [await loss(), await loss(half(true)), await loss(half(false))]
    assert.is(first.predictions, 29)
    assert.is(second.predictions, 30)
    assert.ok(Math.abs((29 * first.loss + 30 * second.loss) / 59 - all.loss) < 1e-9)
  }))

test('a step that is stopped, or whose numbers are none, is not taken', () =>
  withEngine(NANO, 'f32', async (ask, client) => {
    const weights = await copies(ask, 'f32')
    await ask({ kind: 'train-begin', plan: PLAN, weights })
    const sequences = Array.from({ length: 40 }, () => BATCH.sequences[1])
    const step = client.call<TrainingStep>({
      kind: 'train-step',
      batch: { sequences },
      optimiser: { learningRate: 0.1 },
    })
    step.stop()
    assert.instance(await thrownBy(step.reply), Interrupted)
    const broken = weights.slice()
    broken[3] = Number.NaN
    sameBits((await ask<TrainingState>({ kind: 'train-read', optimiser: false })).weights, weights)
    await ask({ kind: 'train-begin', plan: PLAN, weights: broken })
    const told = await ask<TrainingStep>({ kind: 'train-step', batch: BATCH, optimiser: { learningRate: 0.1 } })
    assert.not.ok(Number.isFinite(told.gradientNorm))
    const after = await ask<TrainingState>({ kind: 'train-read', optimiser: false })
    assert.is(after.steps, 0)
    sameBits(after.weights, broken)
  }))

const REFUSALS: [string, Request, RegExp][] = [
  ['before it has begun', { kind: 'train-loss', batch: BATCH }, /no training is under way/],
  ['nothing', { kind: 'train-begin', plan: { mixtures: [] } }, /nothing is to be trained/],
  ['a layer that is not there', begin([{ layer: 6, kind: 'mlp', newcomers: 1 }]), /layer 6 has no mlp experts/],
  ['an expert that is not there', begin([{ layer: 1, kind: 'mlp', existing: [24] }]), /layer 1 has no mlp expert 24/],
  [
    'an expert of one that is not there',
    { kind: 'train-expert', layer: 0, mixture: 'attention', expert: 8 },
    /no attention expert 8/,
  ],
  ['a layer twice', begin([1, 1].map((layer) => ({ layer, kind: 'mlp', newcomers: 1 }))), /named twice/],
  ['weights of another', { kind: 'train-begin', plan: PLAN, weights: new Float32Array(3) }, /not 3/],
]

function begin(mixtures: TrainingPlan['mixtures']): Request {
  return { kind: 'train-begin', plan: { mixtures } }
}

test('what cannot be trained is refused, and why', () =>
  withEngine(NANO, 'q4', async (ask) => {
    for (const [what, request, message] of REFUSALS) {
      const thrown = await thrownBy(ask(request))
      assert.is((thrown as Error | undefined)?.name, 'UserError', `${what}: ${thrown}`)
      assert.match(String(thrown), message, what)
    }
    assert.match(String(await thrownBy(ask(begin([{ layer: 0, kind: 'mlp', existing: [1] }])))), /packed in q4/)
    await ask({ kind: 'train-begin', plan: PLAN })
    for (const [sequences, message] of [
      [[Int32Array.of(1)], /nothing is predicted/],
      [[Int32Array.of(1, 4096)], /token id 4096/],
      [[new Int32Array(129)], /129 tokens, and this training takes 128/],
    ] as const) {
      assert.match(String(await thrownBy(ask({ kind: 'train-loss', batch: { sequences: [...sequences] } }))), message)
    }
    await ask({ kind: 'train-end' })
    assert.match(String(await thrownBy(ask({ kind: 'train-read', optimiser: true }))), /no training is under way/)
  }))

test('of a family that has no way back, and of a classifier, nothing can be trained', async () => {
  const plan: TrainingPlan = { mixtures: [{ layer: 0, kind: 'mlp', newcomers: 1 }] }
  await withEngine(fixturePath('31-olmoe-f32'), 'f32', async (ask) => {
    assert.match(String(await thrownBy(ask({ kind: 'train-begin', plan }))), /OLMoE models cannot be trained/)
  })
  await withEngine(fixturePath('13-classifier-safetensors-f32'), 'f32', async (ask) => {
    assert.match(String(await thrownBy(ask({ kind: 'train-begin', plan }))), /classification model cannot be trained/)
  })
})

test.run()
