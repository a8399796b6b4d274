import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { ForwardReply } from '#molm/engine/run/messages/protocol.js'
import { unpackRoutes } from '#molm/engine/run/messages/route-codec.js'
import { type MixtureKind, mixtureOf, perMixture } from '#molm/model/config/config.js'
import { usedIn } from '#molm/model/config/experts-per-token.js'
import type { Intervention } from '#molm/model/config/intervention.js'
import { alwaysChosen } from '#molm/model/config/routing.js'
import type { Decoder } from '#molm/model/layers/decoder.js'
import { readAlone, sameReply } from '../../support/companies.js'
import { inOneRow, isNear, maxDifference } from '../../support/compare.js'
import { seedOf } from '../../support/family-case.js'
import { FAMILY_CASES } from '../../support/family-cases.js'
import { fixturePath } from '../../support/fixtures.js'
import { withLoaded } from '../../support/loaded-model.js'
import { normalFloats } from '../../support/random.js'
import { changing, type ReferenceChanges } from '../../support/reference-changes.js'
import type { Row } from '../../support/reference-layers.js'
import { referenceForward } from '../../support/reference-model.js'
import { randomTensors, writeCheckpoint, writeTensors } from '../../support/synthetic-checkpoint.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'
import { LOGITS } from '../../support/tolerances.js'

const test = suite('interventions')

/** Families with routers and feed-forward parts that differ. */
const CHECKPOINTS = [
  '04-bin-f16-sharded',
  '46-qwen2moe-bf16-sharded',
  '62-jetmoe-bf16-sharded',
  '81-lfm2moe-f32',
  '91-granitehybrid-f32',
  '111-deepseekv2-f32',
  '141-emo-f32',
  '151-smallthinker-f32',
  '171-gemma4-f32',
  '181-afmoe-f32',
  '206-zaya-f32',
]

const TOKENS = [3, 1, 4, 1, 5, 9, 2, 6]
/** Tokens that interventions name, in no order. */
const SOME = [6, 2, 3]

function readWith(model: Decoder, interventions: readonly Intervention[]): ForwardReply {
  return readAlone(model, { tokens: TOKENS, mask: { gates: 'all', interventions } })
}

interface Place {
  kind: MixtureKind
  layer: number
  k: number
}

/** The mixtures of the last layer that has some. */
function placesIn({ config }: Decoder): Place[] {
  return config.mixtures.map((mixture) => {
    const layer = mixture.experts.findLastIndex((count) => count > 0)
    return { kind: mixture.kind, layer, k: usedIn(mixture, layer) }
  })
}

/** Interventions of every kind with the values that are there already. */
function asTheyAre(model: Decoder, whole: ForwardReply): Intervention[] {
  const { width } = model.config
  const rowsOf = (rows: Float32Array, of: (token: number) => number) =>
    inOneRow(SOME.map((token) => rows.subarray(of(token) * width, (of(token) + 1) * width)))
  // The company reports the states of all layers, the last one first.
  const at = (layer: number) => model.config.layers - 1 - layer
  const routes = whole.routes && unpackRoutes(whole.routes, model.config, TOKENS.length)
  const experts = placesIn(model).flatMap(({ kind, layer, k }): Intervention[] => {
    const [chosen, outputs] = [routes?.[layer][kind], whole.expertOutputs?.[at(layer)][kind]]
    const mixture = mixtureOf(model.config, kind)
    assert.ok(chosen && outputs && mixture)
    const always = alwaysChosen(mixture, layer)
    return SOME.flatMap((token): Intervention[] => {
      const of = { layer, part: kind, tokens: [token] }
      const [ids, gates] = [chosen.ids, chosen.gates].map((all) => [...all.subarray(token * k, (token + 1) * k)])
      const route = ids.filter((id) => !always.includes(id))
      return [
        { ...of, weights: gates },
        { ...of, route, weights: route.map((id) => gates[ids.indexOf(id)]) },
        ...ids.map((expert, slot): Intervention => {
          const replace = outputs.subarray((token * k + slot) * width, (token * k + slot + 1) * width)
          return { ...of, expert, replace, weights: [gates[slot]] }
        }),
      ]
    })
  })
  const replace = rowsOf(whole.hidden?.[at(0)] ?? new Float32Array(), (token) => token)
  return [...experts, { layer: 0, part: 'residual', tokens: SOME, replace }]
}

for (const name of CHECKPOINTS) {
  test(`the values that are there change no bit: ${name}`, () =>
    withLoaded(fixturePath(name), { quant: 'q8' }, ({ model }) => {
      const whole = readAlone(model, { tokens: TOKENS })
      // ZAYA's tokens that skip their expert have a route that no other token can take.
      const own = asTheyAre(model, whole).filter(({ route }) => !(route && name.includes('zaya')))
      sameReply(readWith(model, own), whole, name)
    }))

  test(`zeros are what a mask without outputs gives, and a route what one of all others does: ${name}`, () =>
    withLoaded(fixturePath(name), { quant: 'q4' }, ({ model }) => {
      const { mixtures } = model.config
      for (const { kind, layer } of placesIn(model)) {
        const mixture = mixtureOf(model.config, kind)
        assert.ok(mixture)
        const lists = (ids: number[]) =>
          perMixture(mixtures, (one) => one.experts.map((_, l) => (one === mixture && l === layer ? ids : [])))
        const [expert, ...others] = [...Array(mixture.experts[layer]).keys()]
        const off = readAlone(model, { tokens: TOKENS, mask: { ...lists([expert]), gates: 'all', instead: 'nothing' } })
        sameReply(readWith(model, [{ layer, part: kind, expert, replace: 'zero' }]), off, `${kind} ${expert} off`)
        const all = lists([expert, ...others])
        const none = readAlone(model, { tokens: TOKENS, mask: { ...all, gates: 'all', instead: 'nothing' } })
        sameReply(readWith(model, [{ layer, part: kind, replace: 'zero' }]), none, `${kind} experts off`)
        const always = alwaysChosen(mixture, layer)
        const free = [...others.toReversed(), expert].filter((id) => !always.includes(id))
        const route = free.slice(0, usedIn(mixture, layer) - always.length)
        const out = lists(free.filter((id) => !route.includes(id)))
        const routed = readWith(model, [{ layer, part: kind, route }])
        if (!mixture.routing?.skips) {
          sameReply(routed, readAlone(model, { tokens: TOKENS, mask: { ...out, gates: 'all' } }), `${kind} ${route}`)
        }
        const ids = routed.routes && unpackRoutes(routed.routes, model.config, TOKENS.length)[layer][kind]?.ids
        assert.equal(new Set(ids), new Set([...always, ...route]))
      }
    }))
}

/** Interventions of several kinds, and the same in a reference. */
function changesOf(model: Decoder, chosenAt: (place: Place, token: number) => number[]) {
  const { width, layers } = model.config
  const rows = [...Array(8).keys()].map((seed) => normalFloats(width, 70 + seed))
  const interventions: Intervention[] = [
    { layer: 0, part: 'residual', tokens: [5], replace: rows[0] },
    { layer: layers - 1, part: 'residual', tokens: [1, 7], replace: [...rows[1], ...rows[2]] },
  ]
  const experts = placesIn(model).map(({ kind, layer, k }) => {
    const [used] = chosenAt({ kind, layer, k }, 2)
    const count = mixtureOf(model.config, kind)?.experts[layer] ?? 0
    const unused = [...Array(count).keys()].find((id) => !chosenAt({ kind, layer, k }, 3).includes(id)) ?? 0
    const weights = Array.from({ length: k }, (_, slot) => 0.9 - slot / 10)
    interventions.push(
      { layer, part: kind, expert: used, tokens: [2], replace: rows[3] },
      { layer, part: kind, expert: unused, tokens: [3], replace: rows[4], weights: [0.375] },
      { layer, part: kind, tokens: [4], weights },
    )
    return { kind, layer, used, weights }
  })
  const given = (row: Float32Array): Row => Float64Array.from(row)
  const changes: ReferenceChanges = {
    after(layer, token, x) {
      if (layer === 0 && token === 5) return given(rows[0])
      return layer === layers - 1 && (token === 1 || token === 7) ? given(rows[token === 1 ? 1 : 2]) : x
    },
    outputs(layer, kind, token, chosen, outputs) {
      const own = experts.find((one) => one.kind === kind && one.layer === layer)
      if (!own) return outputs
      if (token === 2) {
        return outputs.map((one, i) => (chosen[i]?.id === own.used ? { ...one, y: given(rows[3]) } : one))
      }
      if (token === 3) return [...outputs, { gate: 0.375, y: given(rows[4]) }]
      if (token !== 4) return outputs
      const slots = chosen.toSorted((a, b) => b.gate - a.gate)
      return outputs.map((one, i) =>
        i < chosen.length ? { ...one, gate: own.weights[slots.indexOf(chosen[i])] } : one,
      )
    },
  }
  return { interventions, changes }
}

/** Checks the model with interventions against a reference that makes the same changes. Returns whether it made them. */
function checkWith(model: Decoder, reference: () => Row[], name: string): boolean {
  const plain = readAlone(model, { tokens: TOKENS })
  const routes = plain.routes && unpackRoutes(plain.routes, model.config, TOKENS.length)
  const { interventions, changes } = changesOf(model, ({ kind, layer, k }, token) => {
    return [...(routes?.[layer][kind]?.ids.subarray(token * k, (token + 1) * k) ?? [])]
  })
  let isMade = false
  const noting: ReferenceChanges = {
    ...changes,
    outputs(...args) {
      isMade = true
      return changes.outputs?.(...args) ?? args[4]
    },
  }
  const expected = inOneRow(changing(noting, reference))
  if (!isMade) return false
  const size = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  const { logits } = readWith(model, interventions)
  assert.ok(maxDifference(logits, plain.logits) > size / 100, `${name}: the interventions change something`)
  isNear(logits, expected, LOGITS * size, name)
  return true
}

test('several families compute what their references do with the same changes', async () => {
  const checked = new Set<string>()
  const firsts = FAMILY_CASES.filter(({ keys }, i) => {
    return FAMILY_CASES.findIndex((other) => other.keys.model_type === keys.model_type) === i
  })
  for (const { name, keys, weights, reference } of firsts) {
    await inTemporaryFolder(async (dir) => {
      const written = randomTensors(keys, seedOf(name), weights)
      await writeTensors(dir, keys, written)
      const tensors = new Map([...written].map(([key, { values }]) => [key, values]))
      await withLoaded(dir, { quant: 'f32' }, ({ model }) => {
        if (checkWith(model, () => reference(tensors, TOKENS).logits, name)) checked.add(String(keys.model_type))
      })
    })
  }
  assert.ok(checked.size >= 6, [...checked].join())
})

test('MoLM computes what its reference does with the same changes, of both kinds of experts', () =>
  inTemporaryFolder(async (dir) => {
    const { config, tensors } = await writeCheckpoint(dir, {})
    await withLoaded(dir, { quant: 'f32' }, ({ model }) => {
      assert.ok(checkWith(model, () => referenceForward(config, tensors, TOKENS).logits, 'MoLM'))
    })
  }))

test.run()
