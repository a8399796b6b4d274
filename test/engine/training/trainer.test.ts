import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { TrainedModel } from '#molm/engine/training/network.js'
import { Trainer } from '#molm/engine/training/trainer.js'
import { isNear } from '../../support/compare.js'
import { integers, normals } from '../../support/random.js'
import { rejectsWithUserError } from '../../support/rejects.js'
import { writeCheckpoint } from '../../support/synthetic-checkpoint.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'
import { finish, type TrainerOptions, withTrainable } from '../../support/trainer.js'

const test = suite('the trainer')

const MIXTURES = [
  { layer: 0, kind: 'mlp' as const, newExperts: 2 },
  { layer: 1, kind: 'attention' as const, newExperts: 1 },
]
const SEQUENCES = [17, 30, 12, 25].map((length, i) => Int32Array.from(integers(length, i + 1, 60)))

function withSynthetic(
  config: Record<string, unknown>,
  options: TrainerOptions,
  use: (model: TrainedModel) => unknown,
) {
  return inTemporaryFolder(async (dir) => {
    await writeCheckpoint(dir, config)
    await withTrainable(dir, options, use)
  })
}

function randomWeights(trainer: Trainer): Float32Array {
  const next = normals(8)
  return Float32Array.from({ length: trainer.size.parameters }, () => 0.3 * next())
}

test('a step follows AdamW: clipping by the norm of all gradients, decay for matrices only', () =>
  withSynthetic({}, {}, (model) => {
    const trainer = new Trainer(model, { mixtures: MIXTURES })
    trainer.begin(randomWeights(trainer))
    const weights = Float64Array.from(trainer.read(false).weights)
    const [m, v] = [new Float64Array(weights.length), new Float64Array(weights.length)]
    const options = { learningRate: 0.01, beta1: 0.8, beta2: 0.95, epsilon: 1e-6, weightDecay: 0.1, clip: 0.05 }
    for (let step = 1; step <= 3; step++) {
      const { gradients } = finish(trainer.gradients({ sequences: SEQUENCES }))
      const norm = Math.sqrt(gradients.reduce((sum, g) => sum + g * g, 0))
      assert.ok(norm > options.clip, `clipping acts: ${norm}`)
      const result = finish(trainer.step({ sequences: SEQUENCES }, options))
      assert.ok(Math.abs(result.gradientNorm - norm) < 1e-5 * norm)
      for (const { piece, rows, cols, offset } of trainer.tensors) {
        const decay = piece === 'router' ? 0 : options.weightDecay
        for (let i = offset; i < offset + rows * cols; i++) {
          const g = (gradients[i] * options.clip) / norm
          m[i] = options.beta1 * m[i] + (1 - options.beta1) * g
          v[i] = options.beta2 * v[i] + (1 - options.beta2) * g * g
          const [first, second] = [m[i] / (1 - options.beta1 ** step), v[i] / (1 - options.beta2 ** step)]
          weights[i] -= options.learningRate * (decay * weights[i] + first / (Math.sqrt(second) + options.epsilon))
        }
      }
      isNear(trainer.read(false).weights, weights, 1e-5, `step ${step}`)
    }
    trainer.release()
  }))

/** The result of a task in a single micro-batch, and in several. */
function inBatches<T>(model: TrainedModel, task: (trainer: Trainer) => Generator<undefined, T>): T[] {
  return [128, 30].map((maxTokens) => {
    const trainer = new Trainer(model, { mixtures: MIXTURES, maxTokens, maxSequence: 30 })
    trainer.begin(randomWeights(trainer))
    const result = finish(task(trainer))
    trainer.release()
    return result
  })
}

test('micro-batches add up to the batch', () =>
  withSynthetic({}, { threads: 2 }, (model) => {
    const balance = { kind: 'new-experts', weight: 0.3 } as const
    const [whole, parts] = inBatches(model, (trainer) => trainer.gradients({ sequences: SEQUENCES }, { balance }))
    assert.ok(Math.abs(whole.loss - parts.loss) < 1e-6)
    assert.ok(Math.abs(whole.balance - parts.balance) < 1e-6)
    assert.is(parts.newExpertShare, whole.newExpertShare)
    isNear(parts.gradients, whole.gradients, 1e-6)
  }))

test('micro-batches of distilled and other sequences add up to the batch', () =>
  withSynthetic({}, { threads: 2 }, (model) => {
    const distilled = SEQUENCES.map((_, i) => i % 2 === 1)
    const [whole, parts] = inBatches(model, (trainer) => trainer.gradients({ sequences: SEQUENCES, distilled }))
    assert.ok(whole.divergence > 0.001 && whole.distilled > 0 && whole.predictions > 0, JSON.stringify(whole))
    assert.ok(Math.abs(whole.loss - parts.loss) < 1e-6)
    assert.ok(Math.abs(whole.divergence - parts.divergence) < 1e-6)
    isNear(parts.gradients, whole.gradients, 1e-5)
  }))

test('a low enough bias on the scores of new experts restores the original model', () =>
  withSynthetic({}, {}, (model) => {
    const trainer = new Trainer(model, { mixtures: MIXTURES.map((mixture) => ({ ...mixture, existing: [] })) })
    trainer.begin(randomWeights(trainer))
    const distilled = SEQUENCES.map(() => true)
    const at = (...newExpertBias: number[]) =>
      finish(trainer.loss({ sequences: SEQUENCES, distilled }, { newExpertBias }))
    const [free, less, none, first] = [at(), at(-1, -1, -1), at(-1e4, -1e4, -1e4), at(-1e4)]
    assert.ok(free.newExpertShare > less.newExpertShare && less.newExpertShare > none.newExpertShare)
    assert.is(none.newExpertShare, 0)
    assert.ok(first.newExpertShare > 0 && first.newExpertShare < free.newExpertShare, 'a bias is of one layer')
    assert.ok(free.divergence > 0.001, `${free.divergence}`)
    assert.ok(Math.abs(none.divergence) < 1e-6, `${none.divergence}`)
    trainer.release()
  }))

test('sequences do not see each other', () =>
  withSynthetic({}, {}, (model) => {
    const trainer = new Trainer(model, { mixtures: MIXTURES })
    trainer.begin(randomWeights(trainer))
    const lossOf = (sequences: Int32Array[]) => finish(trainer.loss({ sequences }))
    const each = SEQUENCES.map((sequence) => lossOf([sequence]))
    const together = lossOf(SEQUENCES)
    const sum = each.reduce((sum, { loss, predictions }) => sum + loss * predictions, 0)
    assert.ok(Math.abs(sum / together.predictions - together.loss) < 1e-6)
    trainer.release()
  }))

test('the memory is as large as predicted, and all of it is freed', () =>
  withSynthetic({ n_layer: 3 }, { threads: 2 }, (model) => {
    const [{ arena }] = model.store.banks
    const before = arena.used
    const plan = { mixtures: MIXTURES, maxTokens: 200 }
    const { size } = new Trainer(model, plan, { onlySize: true })
    assert.is(arena.used, before)
    const trainer = new Trainer(model, plan)
    assert.is(arena.used - before, size.bytes)
    assert.is(size.bytes, size.parameterBytes + size.activationBytes)
    // Four numbers for each weight, and the padding of tiles.
    assert.ok(size.parameterBytes >= 16 * size.parameters)
    trainer.release()
    assert.is(arena.used, before)
    const larger = new Trainer(model, { ...plan, maxTokens: 400 }, { onlySize: true }).size
    assert.ok(larger.activationBytes > 1.9 * size.activationBytes)
    assert.is(larger.parameterBytes, size.parameterBytes)
  }))

test('a training leaves nothing behind that changes the next one', () =>
  withSynthetic({}, {}, (model) => {
    const first = new Trainer(model, { mixtures: MIXTURES })
    first.begin(randomWeights(first))
    const expected = finish(first.step({ sequences: SEQUENCES }, { learningRate: 0.1 }))
    const weights = first.read(false).weights
    first.release()
    // It reuses the memory of the first, with its contents.
    const second = new Trainer(model, { mixtures: MIXTURES })
    second.begin(randomWeights(second))
    assert.equal(finish(second.step({ sequences: SEQUENCES }, { learningRate: 0.1 })), expected)
    assert.equal(second.read(false).weights, weights)
    second.release()
  }))

test('a plan that exceeds the memory is refused with a remedy, and allocates nothing', () =>
  withSynthetic({}, {}, async (model) => {
    const [{ arena }] = model.store.banks
    const before = arena.used
    const plan = { mixtures: MIXTURES, maxTokens: 2 ** 24 }
    await rejectsWithUserError(() => new Trainer(model, plan), /no room for this training .*fewer/)
    assert.is(arena.used, before)
  }))

test.run()
