import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { loadModel, type Model } from '#molm/index.js'
import type { ExpertMask } from '#molm/model/config/expert-mask.js'
import { parseMask } from '#molm/model/config/mask-spec.js'
import { isNear } from '../support/compare.js'
import { rejectsWithUserError } from '../support/rejects.js'

const everyLayer = (ids: number[]) => Array.from({ length: 6 }, () => ids)
const test = suite<{ model: Model }>('masks of experts', undefined as unknown as { model: Model })

test.before(async (context) => {
  context.model = await loadModel('nano', { threads: 1 })
})

test.before.each(({ model }) => model.maskExperts())

test.after(({ model }) => model.dispose())

const options = { logits: 'none', routes: true, probabilities: true } as const

test('masked experts are not chosen, and gates come from the requested softmax', async ({ model }) => {
  const tokens = model.tokenizer.encode('Once upon a time')
  const run = async () => (await model.createSession().forward(tokens, options)).routes?.[0].attention
  const free = await run()
  const all = free?.probabilities ?? new Float32Array(0)
  const outs = [0, 3, 5]
  const left = [1, 2, 4, 6, 7]
  for (const gates of ['all', 'kept'] as const) {
    await model.maskExperts({ attention: everyLayer(outs), mlp: everyLayer([]), gates })
    const masked = await run()
    for (let t = 0; t < tokens.length; t++) {
      const p = (id: number) => all[t * 8 + id]
      const ranked = [...left].sort((a, b) => p(b) - p(a))
      const sum = gates === 'all' ? 1 : left.reduce((total, id) => total + p(id), 0)
      for (let slot = 0; slot < 2; slot++) {
        assert.is(masked?.ids[2 * t + slot], ranked[slot])
        const gate = masked?.gates[2 * t + slot] ?? 0
        assert.ok(Math.abs(gate - p(ranked[slot]) / sum) < 1e-6)
      }
    }
  }
  await model.maskExperts()
  assert.equal(await run(), free)
})

test('masks that leave too few experts, or name one that does not exist, are refused', async ({ model }) => {
  const none = everyLayer([])
  const tooMany = [...none.slice(1), [0, 1, 2, 3, 4, 5, 6]]
  await rejectsWithUserError(
    () => model.maskExperts({ attention: tooMany, mlp: none, gates: 'kept' }),
    /layer 5 would have 1 attention experts left, but a token uses 2/,
  )
  await rejectsWithUserError(
    () => model.maskExperts({ attention: none, mlp: everyLayer([24]), gates: 'kept' }),
    /layer 0 has no mlp expert 24/,
  )
})

test("a session's own mask leaves other sessions alone, and joins the mask of the model", async ({ model }) => {
  const tokens = model.tokenizer.encode('Once upon a time')
  const run = async (session = model.createSession()) => {
    const { logits, routes = [] } = await session.forward(tokens, { routes: true })
    return { logits, ids: routes.map(({ mlp }) => [...(mlp?.ids ?? [])]) }
  }
  const free = await run()
  const [own, all] = [free.ids[3][0], free.ids[3][1]]
  const maskOf = (ids: number[]) => parseMask([`3:mlp:${ids.join(',')}`], model.config)
  const masked = model.createSession({ mask: maskOf([own]) })
  const withOwn = await run(masked)
  assert.not.ok(withOwn.ids[3].includes(own))
  assert.equal(await run(), free)
  await model.maskExperts(maskOf([all]))
  masked.reset()
  const withBoth = await run(masked)
  await model.maskExperts(maskOf([own, all]))
  assert.equal(await run(), withBoth)
})

test('a replaced expert is still chosen, but counts as nothing or as the given mean', async ({ model }) => {
  const tokens = model.tokenizer.encode('Once upon')
  const run = async (mask?: ExpertMask) => {
    const { hidden, routes } = await model.createSession({ mask }).forward(tokens, { routes: true, hidden: true })
    return { hidden, mlp: routes[5].mlp }
  }
  const { hidden, mlp } = await run()
  const last = tokens.length - 1
  const used = [...(mlp?.ids ?? [])].slice(last * 4)
  const gates = [...(mlp?.gates ?? [])].slice(last * 4)
  const all = { ...parseMask([`5:mlp:${used.join(',')}`], model.config), instead: 'nothing' } as const
  const without = await run(all)
  assert.equal(without.mlp?.ids, mlp?.ids)
  const mean = new Float32Array(model.config.width).fill(0.5)
  const withMean = await run({ ...all, instead: { means: { mlp: Array.from({ length: 6 }, () => mean) } } })
  const added = gates.reduce((sum, gate) => sum + gate, 0) * 0.5
  for (let i = 0; i < mean.length; i++) {
    assert.ok(Math.abs(withMean.hidden[5][i] - without.hidden[5][i] - added) < 1e-5)
  }
  assert.not.equal(without.hidden[5], hidden[5])
  assert.equal(without.hidden[4], hidden[4])
})

test('steered experts are chosen by their pushed scores, and other sessions keep their bits', async ({ model }) => {
  const tokens = model.tokenizer.encode('Once upon a time')
  const run = async (...specs: string[]) => {
    const session = model.createSession({ mask: parseMask(specs, model.config) })
    const { logits, routes } = await session.forward(tokens, { routes: true, probabilities: true })
    return { logits, attention: routes[0].attention }
  }
  const free = await run()
  const [steered, alone] = await Promise.all([run('0:attention:3=+1.5', '0:attention:5-6=-2'), run()])
  assert.equal(alone, free)
  for (let t = 0; t < tokens.length; t++) {
    const rows = (of: typeof free) => [...(of.attention?.probabilities ?? [])].slice(t * 8, t * 8 + 8)
    // Logits but for a constant, which changes neither the spread nor the softmax.
    const z = rows(free).map(Math.log)
    const mean = z.reduce((sum, value) => sum + value, 0) / 8
    const spread = Math.sqrt(z.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 8)
    const pushed = z.map((value, id) => value + spread * (id === 3 ? 1.5 : id === 5 || id === 6 ? -2 : 0))
    const powers = pushed.map(Math.exp)
    const whole = powers.reduce((sum, value) => sum + value, 0)
    isNear(
      rows(steered),
      powers.map((value) => value / whole),
      1e-5,
      `token ${t}`,
    )
    const best = [...pushed.keys()].sort((a, b) => pushed[b] - pushed[a]).slice(0, 2)
    assert.equal([...(steered.attention?.ids ?? [])].slice(2 * t, 2 * t + 2), best)
  }
  const always = await run('0:attention:7=always')
  assert.ok(tokens.every((_, t) => always.attention?.ids[2 * t] === 7))
  assert.throws(
    () => model.createSession({ mask: parseMask(['0:attention:1-3=always'], model.config) }),
    /a token chooses 2/,
  )
})

test("a session's mask that does not fit is refused when the session is made", async ({ model }) => {
  const none = everyLayer([])
  const means = { mlp: everyLayer([]).map(() => new Float32Array(3)) }
  const wrong: [ExpertMask, RegExp][] = [
    [{ mlp: everyLayer([24]), gates: 'kept' }, /layer 0 has no mlp expert 24/],
    [{ mlp: [...none, [], [1]], gates: 'kept' }, /there is no layer 7: the model has 0 to 5/],
    [
      { mlp: everyLayer([1]), gates: 'kept', instead: { means } },
      /`means` of a mask must have \d+ floats for the mlp experts of layer 0/,
    ],
    [{ mlp: none, gates: 'kept', instead: 'mean' as 'nothing' }, /`instead` must be/],
  ]
  for (const [mask, refused] of wrong) assert.throws(() => model.createSession({ mask }), refused)
})

test.run()
