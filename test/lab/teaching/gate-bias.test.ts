import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Model } from '#molm/api/model.js'
import type { PassOptions, TrainingBatch } from '#molm/api/training.js'
import type { Dataset } from '#molm/lab/teaching/datasets.js'
import { calibrate, hasLearnt } from '#molm/lab/teaching/gate-bias.js'

const dataset = (name: string, first: number, more: Partial<Dataset> = {}): Dataset => {
  return { name, train: [], heldOut: [Int32Array.of(first, 0)], ...more }
}
const DATASETS = [dataset('new', 1)]
const RETAINED = [dataset('own', 2, { isGenerated: true }), dataset('old', 3)]

/** A model whose loss depends on a sequence's first token; `rise` is the loss of retained text at a bias. */
function modelWith(rise: (bias: number) => number, gain: (bias: number) => number = () => 1): Model {
  const loss = async ({ sequences: [[first]], distilled }: TrainingBatch, options: PassOptions = {}) => {
    options.signal?.throwIfAborted()
    const { newExpertBias = 0 } = options
    const change = first === 1 ? -gain(newExpertBias) : rise(newExpertBias)
    const measured = distilled?.[0]
      ? { loss: 0, divergence: change, predictions: 0, distilled: 1 }
      : { loss: newExpertBias === -Infinity ? 5 : 5 + change, divergence: 0, predictions: 1, distilled: 0 }
    return { ...measured, tokens: 2, balance: 0, newExpertShare: 0.1 }
  }
  return { training: { loss } } as unknown as Model
}

const run = (model: Model, signal?: AbortSignal) =>
  calibrate(model, { datasets: DATASETS, retained: RETAINED }, { forget: 0.01, signal })
const BOUND = Math.log1p(0.01)

test('gates stay open if the retained texts stay within their bounds', async () => {
  const calibration = await run(modelWith(() => BOUND / 2))
  assert.is(calibration.bias, 0)
  assert.ok(calibration.isWithinLimit)
  assert.is(calibration.heldOutLossBefore, 5)
  assert.equal(
    calibration.curve.map(({ bias }) => bias),
    [0, -0.5, -1, -2, -4],
    'no bisection',
  )
  const [{ retained }] = calibration.curve
  assert.equal(
    retained.map(({ name, bound }) => ({ name, bound })),
    [
      { name: 'own', bound: BOUND },
      { name: 'old', bound: BOUND },
    ],
  )
  for (const { rise } of retained) assert.ok(Math.abs(rise - BOUND / 2) < 1e-9, `${rise}`)
})

test('bisection finds the limit next to the first bias within it', async () => {
  const { bias, isWithinLimit, curve } = await run(modelWith((bias) => (bias <= -1.3 ? 0 : 1)))
  assert.is(bias, -1.375)
  assert.ok(isWithinLimit)
  assert.equal(
    curve.map(({ bias }) => bias),
    [0, -0.5, -1, -1.25, -1.375, -1.5, -2, -4],
  )
})

test('a bias within the limit counts even if one further from 0 is not', async () => {
  const { bias, curve } = await run(modelWith((bias) => (bias === -1 || bias < -1.9 || bias > -0.3 ? 1 : 0)))
  assert.is(bias, -0.3125)
  assert.is(curve.length, 8)
})

test('without a bias within the limit, the nearest to it is taken', async () => {
  const { bias, isWithinLimit, curve } = await run(modelWith((bias) => (bias === -2 ? 0.5 : 1)))
  assert.is(bias, -2)
  assert.not.ok(isWithinLimit)
  assert.is(curve.length, 5)
})

test('the remaining gain is judged at the chosen bias', async () => {
  const calibration = await run(
    modelWith(
      (bias) => (bias === -4 ? 0 : 1),
      (bias) => (bias > -3 ? 1 : 0.0005),
    ),
  )
  assert.ok(calibration.bias < -2)
  assert.ok(hasLearnt(calibration, 0))
  assert.not.ok(hasLearnt(calibration, -4), 'less than a thousandth of a nat does not count')
})

test('an abort rejects with its reason', async () => {
  const reason = new Error('enough')
  assert.is(
    await run(
      modelWith(() => 0),
      AbortSignal.abort(reason),
    ).catch((error) => error),
    reason,
  )
})

test.run()
