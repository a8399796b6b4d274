import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { TrainingPlan, TrainingState } from '#molm/api/training.js'
import type { Quant } from '#molm/model/packing/format/formats.js'
import { combinations } from '../../support/combinations.js'
import { sameBits } from '../../support/compare.js'
import { fixturePath } from '../../support/fixtures.js'
import { integers, normals } from '../../support/random.js'
import { writeCheckpoint } from '../../support/synthetic-checkpoint.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'
import { finish, type TrainerOptions, withTrainer } from '../../support/trainer.js'

const test = suite('training gives the same bits')

const PLAN: TrainingPlan = {
  mixtures: [
    { layer: 0, kind: 'mlp', newExperts: 2 },
    { layer: 1, kind: 'attention', newExperts: 1 },
    { layer: 1, kind: 'mlp', newExperts: 1 },
  ],
  maxTokens: 48,
}
const SEQUENCES = [33, 20, 9, 41].map((length, i) => Int32Array.from(integers(length, i + 1, 60)))
const TERMS = { balance: { kind: 'entropy', weight: 0.1 }, newExpertBias: [-0.25, -0.5] } as const

/** Takes two steps; returns the state and the results. */
function run(dir: string, options: TrainerOptions): Promise<{ state: TrainingState; results: unknown[] }> {
  return withTrainer(dir, options, PLAN, (trainer) => {
    const next = normals(8)
    const weights = Float32Array.from({ length: trainer.size.parameters }, () => 0.3 * next())
    trainer.begin(weights)
    const distilled = SEQUENCES.map((_, i) => i % 2 === 1)
    const step = () =>
      finish(trainer.step({ sequences: SEQUENCES, distilled }, { learningRate: 0.01, weightDecay: 0.1 }, TERMS))
    const results = [step(), step(), finish(trainer.loss({ sequences: SEQUENCES, distilled }, TERMS))]
    return { state: trainer.read(true), results }
  })
}

function same(a: Awaited<ReturnType<typeof run>>, b: Awaited<ReturnType<typeof run>>, what: string): void {
  for (const name of ['weights', 'firstMoments', 'secondMoments'] as const) {
    sameBits(b.state[name], a.state[name], `${name}, ${what}`)
  }
  assert.equal(b.results, a.results, what)
}

const MODELS = [{}, { gate_type: 'gmm', n_head: 1, att_hidden: 40, activation_function: 'gelu' }]

const points = combinations({
  json: MODELS,
  quant: ['f32', 'q8', 'q4'],
  kernels: [
    { tier: 'relaxed', threads: 3 },
    { tier: 'plain', threads: 2 },
    { tier: 'scalar', threads: 1 },
  ],
} as const)

for (const json of MODELS) {
  test(`${JSON.stringify(json)}: at any number of threads, in all tiers`, () =>
    inTemporaryFolder(async (dir) => {
      await writeCheckpoint(dir, json)
      const known = new Map<Quant, Awaited<ReturnType<typeof run>>>()
      for (const { quant, kernels } of points.filter((point) => point.json === json)) {
        const expected = known.get(quant) ?? (await run(dir, { quant, tier: 'relaxed' }))
        known.set(quant, expected)
        same(expected, await run(dir, { quant, ...kernels }), JSON.stringify({ quant, ...kernels }))
      }
    }))
}

test('in several memories', async () => {
  const path = fixturePath('04-bin-f16-sharded')
  const plan: TrainingPlan = {
    mixtures: [1, 3].map((layer) => ({ layer, kind: 'mlp', newExperts: 1 })),
    maxTokens: 64,
  }
  const sequences = [Int32Array.from(integers(50, 1, 300)), Int32Array.from(integers(40, 2, 300))]
  const gradients = (bankBytes?: number) =>
    withTrainer(path, { threads: 2, bankBytes }, plan, (trainer, { store }) => {
      const next = normals(8)
      trainer.begin(Float32Array.from({ length: trainer.size.parameters }, () => 0.3 * next()))
      return { banks: store.banks.length, ...finish(trainer.gradients({ sequences })) }
    })
  const [one, several] = [await gradients(), await gradients(2 ** 16)]
  assert.is(one.banks, 1)
  assert.ok(several.banks >= 3, `${several.banks} memories`)
  assert.is(several.loss, one.loss)
  sameBits(several.gradients, one.gradients)
})

test.run()
