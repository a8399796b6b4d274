import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Mixture } from '#molm/model/config/config.js'
import type { LayerMask } from '#molm/model/config/expert-mask.js'
import type { Routing } from '#molm/model/config/routing.js'
import { ExpertChoice } from '#molm/model/layers/expert-choice.js'
import { normalFloats } from '../../support/random.js'
import { referenceRoute } from '../../support/reference-router.js'

const EXPERTS = 16
const apart = (...ids: number[]) => [{ ids, isApart: true }]

/** Rules of published families, by what they do. */
const RULES: Record<string, { routing?: Routing; topK?: number; silent?: number }> = {
  'probabilities as gates': {},
  'probabilities as gates, with silent rows': { silent: 5 },
  'a softmax over the chosen': { routing: { normalise: {} }, silent: 5 },
  'probabilities and a bias of the choice, with a floor of the sum': {
    routing: { selectionBias: true, normalise: { floor: 1e-12 } },
  },
  'a floor that is larger than the sum': { routing: { selectionBias: true, normalise: { floor: 0.9 } } },
  'sigmoids that sum to 1': { routing: { score: 'sigmoid', normalise: {} } },
  'sigmoids, a bias of the choice, a constant in the sum and a factor': {
    routing: { score: 'sigmoid', selectionBias: true, normalise: { add: 0.25 }, factor: 2.5 },
  },
  'sigmoids as gates, with a bias of the choice': { routing: { score: 'sigmoid', selectionBias: true, factor: 1.7 } },
  'the two best groups by their two largest sigmoids': {
    routing: {
      score: 'sigmoid',
      selectionBias: true,
      normalise: { add: 1e-20 },
      groups: { count: 4, kept: 2, by: 'two-largest' },
    },
  },
  'the best groups by their largest probabilities': {
    routing: { factor: 16, groups: { count: 8, kept: 3, by: 'largest' } },
  },
  'the last expert always, with gate 1': { routing: { always: apart(15) } },
  'two experts always, with a softmax of their own': { routing: { always: apart(14, 15) }, silent: 3 },
  'experts in the middle always, with a softmax of their own': { routing: { always: apart(0, 7, 8) } },
  'experts always, with gates from the softmax over all': {
    routing: { always: [{ ids: [2, 11], isApart: false }] },
    silent: 3,
  },
  'all of a token’s experts always': { routing: { always: apart(1, 2, 3) }, topK: 3 },
  'no expert always': { routing: { always: apart() } },
}

const MASKED = [0, 3, 4, 5, 9, 12, 13]
const MASKS: (LayerMask | undefined)[] = [
  undefined,
  ...(['kept', 'all'] as const).map((gates) => ({
    gates,
    out: Uint8Array.from({ length: EXPERTS }, (_, id) => (MASKED.includes(id) ? 1 : 0)),
  })),
]

function mixtureOf({ routing, topK = 4, silent = 0 }: (typeof RULES)[string]): Mixture {
  return { kind: 'mlp', experts: [EXPERTS], topK, ...(silent && { silentRows: [silent] }), ...(routing && { routing }) }
}

test('the ids and gates of the formulas, with and without masks', () => {
  for (const [name, rule] of Object.entries(RULES)) {
    const mixture = mixtureOf(rule)
    const rows = EXPERTS + (rule.silent ?? 0)
    const choice = new ExpertChoice(mixture, rows)
    const always = rule.routing?.always?.[0].ids ?? []
    for (let seed = 1; seed <= 40; seed++) {
      const floats = normalFloats(7 + rows + EXPERTS, seed, 1.5)
      const selectionAt = rule.routing?.selectionBias && 7 + rows
      const bias = selectionAt ? [...floats.subarray(selectionAt)] : []
      for (const mask of MASKS) {
        if (mask && always.some((id) => mask.out?.[id])) continue
        const wanted = referenceRoute(mixture, 0, [...floats.subarray(7, 7 + rows)], { bias, mask })
        // The router silences logits before the choice.
        const silenced = floats.slice()
        if (mask?.gates === 'kept') for (const id of MASKED) silenced[7 + id] = Number.NEGATIVE_INFINITY
        choice.choose(silenced, 7, { layer: 0, out: mask?.out, selectionAt })
        assert.equal(
          [...choice.ids],
          wanted.map(({ id }) => id),
          `${name}: seed ${seed}, ${mask?.gates}`,
        )
        for (const [slot, { gate }] of wanted.entries()) {
          assert.ok(
            Math.abs(choice.gates[slot] - gate) < 1e-9,
            `${name}, seed ${seed}: ${choice.gates[slot]}, not ${gate}`,
          )
        }
      }
    }
  }
})

test('NaN gates of different experts, if a logit is NaN', () => {
  for (const [name, rule] of Object.entries(RULES)) {
    const mixture = mixtureOf(rule)
    const rows = EXPERTS + (rule.silent ?? 0)
    const choice = new ExpertChoice(mixture, rows)
    const floats = normalFloats(rows + EXPERTS, 1)
    floats[6] = Number.NaN
    choice.choose(floats, 0, { layer: 0, selectionAt: rule.routing?.selectionBias && rows })
    assert.is(new Set(choice.ids).size, mixture.topK)
    assert.ok(choice.ids.every((id) => id >= 0 && id < EXPERTS))
    const always = rule.routing?.always?.[0]
    for (const [slot, id] of choice.ids.entries()) {
      const isOfOwn = always?.isApart === true && always.ids.includes(id)
      assert.is(Number.isNaN(choice.gates[slot]), !isOfOwn, `${name}: gate of ${id}`)
    }
  }
})

test('scores of all experts are probabilities or sigmoids, without the bias of the choice', () => {
  const floats = normalFloats(2 * EXPERTS, 3)
  const scoresOf = (routing: Routing) => {
    const all = new Float32Array(EXPERTS + 2)
    new ExpertChoice(mixtureOf({ routing }), EXPERTS).allScores(floats, 0, 0, all, 2)
    return all.subarray(2)
  }
  const sum = (scores: Float32Array) => scores.reduce((sum, score) => sum + score, 0)
  assert.ok(Math.abs(sum(scoresOf({ selectionBias: true })) - 1) < 1e-6)
  const sigmoids = scoresOf({ score: 'sigmoid', selectionBias: true, factor: 3 })
  for (const [id, score] of sigmoids.entries()) {
    assert.ok(Math.abs(score - 1 / (1 + Math.exp(-floats[id]))) < 1e-6)
  }
  const scores = scoresOf({ always: apart(15) })
  assert.is(scores[15], 1)
  assert.ok(Math.abs(sum(scores) - 2) < 1e-6)
})

test('logits order sigmoids that are equal in floating point', () => {
  const choice = new ExpertChoice({ kind: 'mlp', experts: [4], topK: 2, routing: { score: 'sigmoid' } }, 4)
  choice.choose(Float32Array.of(50, 60, 40, 70), 0, { layer: 0 })
  assert.equal([...choice.ids], [3, 1])
  choice.choose(Float32Array.of(Number.NEGATIVE_INFINITY, -900, Number.NEGATIVE_INFINITY, -800), 0, { layer: 0 })
  assert.equal([...choice.ids], [3, 1])
  choice.choose(new Float32Array(4).fill(Number.NEGATIVE_INFINITY), 0, { layer: 0 })
  assert.equal([...choice.ids], [0, 1])
})

test('a mask that empties groups leaves a token k different experts of other groups', () => {
  const groups = { count: 4, kept: 1, by: 'two-largest' } as const
  const mixture: Mixture = { kind: 'mlp', experts: [8], topK: 2, routing: { score: 'sigmoid', groups } }
  const choice = new ExpertChoice(mixture, 8)
  const logits = Float32Array.of(0, 1, 9, 8, 2, 3, 4, 5)
  choice.choose(logits, 0, { layer: 0 })
  assert.equal([...choice.ids], [2, 3])
  const out = Uint8Array.of(1, 0, 0, 1, 0, 1, 1, 0)
  choice.choose(logits, 0, { layer: 0, out })
  assert.equal([...choice.ids], [2, 7])
})

test('a bias that makes every rank negative never lets a masked expert in', () => {
  const mixture: Mixture = { kind: 'mlp', experts: [3], topK: 2, routing: { score: 'sigmoid', selectionBias: true } }
  const choice = new ExpertChoice(mixture, 3)
  const out = Uint8Array.of(0, 1, 0)
  choice.choose(Float32Array.of(1, 5, 2, -9, -9, -9), 0, { layer: 0, out, selectionAt: 3 })
  assert.equal([...choice.ids], [2, 0])
})

test.run()
