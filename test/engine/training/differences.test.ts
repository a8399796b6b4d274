import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Balance } from '#molm/api/training.js'
import { Trainer } from '#molm/engine/training/trainer.js'
import { mixtureOf } from '#molm/model/config/config.js'
import type { ModuleFormerConfig } from '#molm/model/families/moduleformer/moduleformer.js'
import { integers, normals } from '../../support/random.js'
import { referenceForward, type Tensors } from '../../support/reference-model.js'
import { writeCheckpoint } from '../../support/synthetic-checkpoint.js'
import { taughtTensors } from '../../support/taught-tensors.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'
import { finish, withTrainable } from '../../support/trainer.js'

/*
 * Compares gradients with central differences of the model in double precision (test/support/reference-model.ts): (L(w
 * + h v) - L(w - h v)) / 2h is the gradient along v. New experts of both kinds are in all layers, and one of the model's
 * own experts is trained. Each trained tensor is checked along the sum of its gradient and a random direction; the
 * routes must be the same at both ends.
 */
const test = suite('gradients and central differences')

const CASES: Record<string, Record<string, unknown>> = {
  'MLP router, gelu_new': {},
  'linear router, SiLU': { gate_type: 'linear', activation_function: 'silu' },
  'cosine router, GELU': { gate_type: 'gmm', activation_function: 'gelu' },
  'K = V = LN1(x), ReLU, tied embeddings': {
    ...{ n_head: 1, att_hidden: 40, activation_function: 'relu', tie_word_embeddings: true },
  },
  'K = V = LN1(x), linear router': { n_layer: 1, n_head: 1, att_hidden: 40, gate_type: 'linear' },
  'odd sizes': { n_embd: 37, att_hidden: 33, n_head: 3, ffd_hidden: 45, gating_size: 19 },
  'one expert a token, tanh': { n_layer: 1, k_att: 1, k_mlp: 1, activation_function: 'tanh' },
}

const SEQUENCES = [integers(8, 5, 60), integers(4, 6, 60)].map((ids) => Int32Array.from(ids))
const STEP = 1e-4
/** One layer: the loss is the subject. */
const SMALL = { n_layer: 1 }

for (const [name, json] of Object.entries(CASES)) {
  test(name, () => compare(json))
}

test('balance by entropy', () => compare({ ...SMALL, gate_type: 'linear' }, { kind: 'entropy', weight: 0.5 }))

test('balance by new experts, away from them for a retained sequence', () =>
  compare({ ...SMALL, gate_type: 'linear' }, { kind: 'new-experts', weight: 0.5 }, [false, true]))

test('the divergence from the original model, for one of two sequences', () =>
  compare({ ...SMALL, gate_type: 'linear' }, undefined, [false, true], [false, true]))

test('the divergence from the original model, for all sequences, and balance away from new experts', () =>
  compare(SMALL, { kind: 'new-experts', weight: 0.5 }, [true, true], [true, true]))

async function compare(
  json: Record<string, unknown>,
  balance?: Balance,
  retained?: boolean[],
  distilled: boolean[] = [],
): Promise<void> {
  await inTemporaryFolder(async (dir) => {
    const { config, tensors } = await writeCheckpoint(dir, json)
    const mixtures = Array.from({ length: config.layers }, (_, layer) => [
      { layer, kind: 'attention' as const, newExperts: 1 },
      { layer, kind: 'mlp' as const, newExperts: 2, existing: [3] },
    ]).flat()
    await withTrainable(dir, {}, (model) => {
      const trainer = new Trainer(model, { mixtures, maxTokens: 32 })
      const floats = trainer.size.parameters
      const next = normals(3)
      const weights = new Float32Array(floats)
      for (const { piece, cols, rows, offset } of trainer.tensors) {
        // Rows of routers large enough that new experts are chosen.
        const scale = (piece === 'router' ? 3 : 1) / Math.sqrt(cols)
        for (let i = 0; i < rows * cols; i++) weights[offset + i] = scale * next()
      }
      trainer.begin(weights)
      const result = finish(trainer.gradients({ sequences: SEQUENCES, retained, distilled }, { balance }))
      if (!retained?.every(Boolean))
        assert.ok(result.newExpertShare > 0.05, `new experts are chosen: ${result.newExpertShare}`)
      const old = SEQUENCES.map((sequence) => referenceForward(config, tensors, [...sequence]).logits)
      const targets = distilled.map((isDistilled, i) => (isDistilled ? old[i] : undefined))
      const at = (w: Float64Array) => {
        const taught = taughtTensors(config, tensors, trainer.tensors, w)
        return lossOf(config, taught, mixtures, { balance, retained, targets })
      }
      const here = at(Float64Array.from(weights))
      const all = result.predictions + result.distilled
      const mean = (result.predictions * result.loss + result.distilled * result.divergence) / all
      const total = mean + (balance?.weight ?? 0) * result.balance
      assert.ok(Math.abs(total - here.loss) < 1e-4, `loss ${total}, not ${here.loss}`)
      let used = 0
      for (const { layer, kind, expert, piece, rows, cols, offset } of trainer.tensors) {
        const what = `layer ${layer} ${kind} expert ${expert} ${piece}`
        const gradient = result.gradients.subarray(offset, offset + rows * cols)
        const size = norm(gradient)
        // An expert that no token chose has no gradient.
        if (size > 0) used++
        const random = Float64Array.from(gradient, next)
        const [ofRandom, ofOwn] = [1 / norm(random), size > 0 ? 1 / size : 0]
        const direction = random.map((value, i) => ofRandom * value + ofOwn * gradient[i])
        const length = norm(direction)
        const moved = (step: number) => {
          const w = Float64Array.from(weights)
          for (const [i, value] of direction.entries()) w[offset + i] += (step * value) / length
          return at(w)
        }
        const [up, down] = [moved(STEP), moved(-STEP)]
        assert.is(up.routes, here.routes, `${what}: the routes are the same`)
        assert.is(down.routes, here.routes, `${what}: the routes are the same`)
        const expected = (up.loss - down.loss) / (2 * STEP)
        const found = gradient.reduce((sum, value, i) => sum + (value * direction[i]) / length, 0)
        assert.ok(
          Math.abs(found - expected) <= Math.max(1e-3 * size, 1e-10),
          `${what}: ${found}, not ${expected} (norm ${size})`,
        )
      }
      assert.ok(used > 0.7 * trainer.tensors.length, `${used} of ${trainer.tensors.length} tensors were used`)
      trainer.release()
    })
  })
}

interface Terms {
  balance?: Balance
  retained?: boolean[]
  /** The original model's logits of distilled sequences. */
  targets: (ArrayLike<number>[] | undefined)[]
}

/** Computes the loss in double precision, and all routes as one text. */
function lossOf(
  config: ModuleFormerConfig,
  { config: taught, tensors }: { config: ModuleFormerConfig; tensors: Tensors },
  mixtures: { layer: number; kind: 'attention' | 'mlp' }[],
  { balance, retained = [], targets }: Terms,
): { loss: number; routes: string } {
  let loss = 0
  let predictions = 0
  const routes: string[] = []
  const probabilities = mixtures.map((): number[][] => [])
  for (const [number, sequence] of SEQUENCES.entries()) {
    const result = referenceForward(taught, tensors, [...sequence])
    for (const [i, { layer, kind }] of mixtures.entries()) {
      probabilities[i].push(...result.routes[layer][kind].map(({ p }) => p))
    }
    routes.push(
      JSON.stringify(
        result.routes.map(({ attention, mlp }) => [...attention, ...mlp].map(({ ids }) => [...ids].sort())),
      ),
    )
    for (let t = 1; t < sequence.length; t++, predictions++) {
      const logits = result.logits[t - 1]
      const target = targets[number]?.[t - 1]
      if (target) {
        const [lseOld, lse] = [logSum(target), logSum(logits)]
        for (const [e, z] of Array.from(target).entries()) {
          loss += Math.exp(z - lseOld) * (z - lseOld - (logits[e] - lse))
        }
      } else loss += logSum(logits) - logits[sequence[t]]
    }
  }
  loss /= predictions
  if (balance) {
    const terms = mixtures.map(({ layer, kind }, i) => {
      const { experts = [], topK = 1 } = mixtureOf(config, kind) ?? {}
      return termOf(balance.kind, probabilities[i], experts[layer], topK, retained)
    })
    loss += (balance.weight * terms.reduce((a, b) => a + b, 0)) / terms.length
  }
  return { loss, routes: routes.join() }
}

/** Routing loss of one mixture by its definition; new experts follow the first `experts`. */
function termOf(kind: Balance['kind'], p: number[][], experts: number, topK: number, retained: boolean[]): number {
  const isRetained = SEQUENCES.flatMap((tokens, i) => [...tokens].map(() => retained[i] ?? false))
  const mean = (of: (row: number[], t: number) => number) => p.reduce((sum, row, t) => sum + of(row, t), 0) / p.length
  if (kind === 'new-experts') {
    return mean((row, t) => {
      const share = row.slice(experts).reduce((a, b) => a + b, 0)
      const rival = row.slice(0, experts).sort((a, b) => b - a)[topK - 1]
      return Math.log(1 + (isRetained[t] ? share / rival : rival / share))
    })
  }
  return p[0].reduce((sum, _, e) => {
    const m = mean((row) => row[e])
    return sum - m * Math.log(m)
  }, 0)
}

function logSum(logits: ArrayLike<number>): number {
  const all = Array.from(logits)
  const most = Math.max(...all)
  return Math.log(all.reduce((sum, z) => sum + Math.exp(z - most), 0)) + most
}

function norm(values: ArrayLike<number>): number {
  return Math.sqrt(Array.from(values).reduce((sum, value) => sum + value * value, 0))
}

test.run()
