import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Model } from '#molm/api/model.js'
import type { PassOptions, TrainingBatch } from '#molm/api/training.js'
import type { Dataset } from '#molm/lab/teaching/datasets.js'
import { biasesOf, calibrate, choiceAt, choicesToTry, hasLearnt } from '#molm/lab/teaching/gate-bias.js'

const dataset = (name: string, first: number, more: Partial<Dataset> = {}): Dataset => {
  return { name, train: [], heldOut: [Int32Array.of(first, 0)], ...more }
}
const DATASETS = [dataset('new', 1)]
const RETAINED = [dataset('own', 2, { isGenerated: true }), dataset('old', 3)]

/** A model whose loss depends on a sequence's first token; `rise` is the loss of retained text at a bias. */
function modelWith(rise: (bias: number) => number): Model {
  const loss = async ({ sequences: [[first]], distilled }: TrainingBatch, options: PassOptions = {}) => {
    options.signal?.throwIfAborted()
    const [newExpertBias] = options.newExpertBias ?? [0]
    const change = first === 1 ? -1 : rise(newExpertBias)
    const measured = distilled?.[0]
      ? { loss: 0, divergence: change, predictions: 0, distilled: 1 }
      : { loss: newExpertBias === -Infinity ? 5 : 5 + change, divergence: 0, predictions: 1, distilled: 0 }
    return { ...measured, tokens: 2, balance: 0, newExpertShare: 0.1 }
  }
  return { training: { loss } } as unknown as Model
}

const FORGET = 0.01
const run = (model: Model, forgets = [FORGET], signal?: AbortSignal) =>
  calibrate(model, { datasets: DATASETS, retained: RETAINED, settings: { layers: [0] } }, forgets, { signal })
const BOUND = Math.log1p(FORGET)
const biases = ({ curve }: Awaited<ReturnType<typeof run>>) => curve.map(({ bias }) => bias)

test('gates stay open if the retained texts stay within their bounds', async () => {
  const calibration = await run(modelWith(() => BOUND / 2))
  assert.equal(biases(calibration), [0], 'no other bias is measured')
  const [{ retained, cost }] = calibration.curve
  assert.is(calibration.heldOutLossBefore, 5)
  assert.equal(
    retained.map(({ name, allowance }) => ({ name, allowance })),
    [
      { name: 'own', allowance: 1 },
      { name: 'old', allowance: 1 },
    ],
  )
  for (const { rise } of retained) assert.ok(Math.abs(rise - BOUND / 2) < 1e-9, `${rise}`)
  assert.ok(Math.abs(cost - Math.expm1(BOUND / 2)) < 1e-9, `${cost}`)
})

test('gates are closed until the least `forget` accepts them, and each has a point near its limit', async () => {
  const calibration = await run(
    modelWith((bias) => 0.04 * Math.exp(bias)),
    [0.005, 0.02],
  )
  assert.equal(biases(calibration), [0, -0.5, -0.75, -1, -1.5, -2, -2.25, -2.5])
  const { curve } = calibration
  assert.is(choiceAt(curve, 0.02).bias, -0.75)
  assert.is(choiceAt(curve, 0.005).bias, -2.25)
  assert.is(choiceAt(curve, 1).bias, 0)
  assert.ok(choiceAt(curve, 0.005).isWithinLimit)
})

test('without a bias within the limit, the nearest to it is taken', async () => {
  const calibration = await run(modelWith((bias) => (bias === -2 ? 0.5 : 1)))
  assert.is(calibration.curve.length, 13)
  const { bias, isWithinLimit } = choiceAt(calibration.curve, FORGET)
  assert.is(bias, -2)
  assert.not.ok(isWithinLimit)
})

test('the gates of the earlier half of the taught layers close further', () => {
  assert.equal(biasesOf(-3, [1, 2, 4]), [0, -3, -3, 0, -1])
  assert.equal(biasesOf(-3, [2]), [0, 0, -3], 'a single layer is an earlier one')
  assert.equal(biasesOf(-Infinity, [0, 1]), [-Infinity, -Infinity])
})

test('without a wish, gates are tried that halve the perplexity and cost 2 % at most, the dearest last', () => {
  const point = (bias: number, cost: number, heldOutLoss: number) => ({ bias, cost, heldOutLoss, newExpertShare: 0.1 })
  const forgets = (curve: Parameters<typeof choicesToTry>[0]) => choicesToTry(curve, 5).map(({ forget }) => forget)
  const curve = [point(0, 0.04, 1), point(-1, 0.015, 2), point(-2, 0.009, 3), point(-3, 0.004, 4.5)]
  assert.equal(forgets(curve), [0.01, 0.02], 'at 0.5 % less than half is learnt, and 5 % is too much')
  assert.equal(forgets([point(0, 0.004, 2)]), [0.005], 'the same gates are tried once')
  assert.equal(forgets([point(0, 0.015, 4.9)]), [0.02], 'if nothing halves it, what gives most')
})

test('the remaining gain is judged at a point', () => {
  const point = (heldOutLoss: number) => ({ bias: 0, cost: 0, newExpertShare: 0, heldOutLoss })
  assert.ok(hasLearnt(point(4), 5))
  assert.not.ok(hasLearnt(point(4.9995), 5), 'less than a thousandth of a nat does not count')
})

test('an abort rejects with its reason', async () => {
  const reason = new Error('enough')
  assert.is(
    await run(
      modelWith(() => 0),
      [FORGET],
      AbortSignal.abort(reason),
    ).catch((error) => error),
    reason,
  )
})

test.run()
