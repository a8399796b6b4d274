import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { loadModel, type Model } from '#molm/index.js'
import { ablateExperts, ablateTokens } from '#molm/lab/ablation/ablate.js'
import { partsOf } from '#molm/lab/ablation/text-parts.js'
import { worthOf } from '#molm/lab/ablation/worth.js'
import type { ExpertMask } from '#molm/model/config/expert-mask.js'
import { rejectsWithUserError } from '../../support/rejects.js'

const test = suite<{ model: Model }>('ablation', undefined as unknown as { model: Model })

test.before(async (context) => {
  context.model = await loadModel('nano', { threads: 2 })
})

test.after(({ model }) => model.dispose())

const TEXT = 'The lantern is lit. The old man and the sea. User: What is a ship?\n'.repeat(5)
/** Few experts, to be quick. */
const SOME = { only: 'attention', layers: [2] } as const

const tokensOf = (model: Model) => model.tokenizer.encode(TEXT, { addSpecialTokens: false })

/** Loss of each part under a mask, with a new session for each. */
async function lossesUnder(model: Model, parts: number[][], mask?: ExpertMask): Promise<number[]> {
  const losses: number[] = []
  for (const part of parts) {
    const { logprobs } = await model.createSession({ mask }).forward(part.slice(0, -1), { targets: part.slice(1) })
    losses.push(-(logprobs ?? new Float64Array(0)).reduce((sum, value) => sum + value, 0))
  }
  return losses
}

test('an ablation agrees with masks one by one, to the bit', async ({ model }) => {
  const tokens = tokensOf(model)
  const parts = partsOf([tokens])
  assert.ok(parts.length > 1)
  const predicted = parts.map(({ length }) => length - 1)
  const whole = await lossesUnder(model, parts)
  const { outputMeans, uses } = await meansOf(model, parts)
  const { experts, layers, loss } = await ablateTokens(model, [tokens], SOME)
  assert.is(loss, worthOf(whole, predicted).nats)
  assert.is(experts.length, 8)
  for (const { kind, layer, expert, worth } of experts) {
    const lists = Array.from({ length: 6 }, (_, l) => (l === layer ? [expert] : []))
    const masks = { off: 'nothing', around: 'others', mean: { means: { [kind]: outputMeans } } } as const
    for (const way of ['off', 'around', 'mean'] as const) {
      const without = await lossesUnder(model, parts, { [kind]: lists, gates: 'all', instead: masks[way] })
      const losses = without.map((nats, part) => nats - whole[part])
      assert.equal(worth?.[way], worthOf(losses, predicted), `layer ${layer} expert ${expert} ${way}`)
    }
  }
  assert.ok(experts.some(({ worth }) => Math.abs(worth?.off?.nats ?? 0) > 0.01))
  const all = Array.from({ length: 6 }, (_, l) => (l === 2 ? [0, 1, 2, 3, 4, 5, 6, 7] : []))
  const without = await lossesUnder(model, parts, { attention: all, gates: 'all', instead: 'nothing' })
  assert.equal(
    layers[0].worth,
    worthOf(
      without.map((nats, part) => nats - whole[part]),
      predicted,
    ),
  )
  assert.ok(uses > 0)
})

/** Mean outputs of the attention experts, added up part by part. */
async function meansOf(model: Model, parts: number[][]) {
  const sums = Array.from({ length: 6 }, () => new Float64Array(model.config.width))
  let uses = 0
  for (const part of parts) {
    const tokens = part.slice(0, -1)
    const { outputSums } = await model.createSession().forward(tokens, { routes: true, outputSums: true })
    for (const [layer, sum] of sums.entries()) {
      for (let i = 0; i < sum.length; i++) sum[i] += outputSums?.attention?.[layer][i] ?? Number.NaN
    }
    uses += 2 * tokens.length
  }
  return { outputMeans: sums.map((sum) => Float32Array.from(sum, (value) => value / uses)), uses }
}

test('around a mask that leaves just enough experts there is no way', async ({ model }) => {
  const masked = [1, 2, 3, 4, 5, 6]
  await model.maskExperts({ attention: [[], [], masked], gates: 'all' })
  const tokens = tokensOf(model).slice(0, 60)
  const { experts } = await ablateTokens(model, [tokens], { only: 'attention', layers: [2], ways: ['off', 'around'] })
  for (const { expert, worth } of experts) {
    if (masked.includes(expert)) assert.equal(worth, { off: { nats: 0 }, around: { nats: 0 } })
    else assert.equal(Object.keys(worth ?? {}), ['off'])
  }
  await model.maskExperts()
  assert.is(model.mask, undefined)
})

test('a time budget leaves the rest unmeasured, after the layers', async ({ model }) => {
  const { layers, experts } = await ablateExperts(model, [{ name: 'text', text: TEXT }], { ...SOME, budgetMs: 0 })
  assert.is(layers.length, 1)
  assert.ok(experts.every(({ tokens, worth }) => (tokens === 0) === (worth !== undefined)))
})

test('texts and layers without anything to measure are refused', async ({ model }) => {
  const one = [{ name: 'text', text: 'a' }]
  await rejectsWithUserError(() => ablateExperts(model, one), /fewer than two tokens/)
  const text = [{ name: 'text', text: 'The lantern is lit.' }]
  await rejectsWithUserError(
    () => ablateExperts(model, text, { layers: [6] }),
    /there is no layer 6: the model has 0 to 5/,
  )
})

test('the error of a worth is two standard errors of a ratio of sums over the parts', () => {
  assert.equal(worthOf([3], [2]), { nats: 1.5 })
  assert.equal(worthOf([2, 2], [2, 2]), { nats: 1, error: 0 })
  const { nats, error } = worthOf([1, 3], [1, 1])
  assert.is(nats, 2)
  assert.is(error, 2)
})

test.run()
