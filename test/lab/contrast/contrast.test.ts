import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { loadModel, type Model } from '#molm/index.js'
import { contrastExperts } from '#molm/lab/contrast/contrast.js'
import { steering } from '#molm/lab/contrast/contrast-forms.js'
import { falseDiscoveryBound, studentTails } from '#molm/lab/contrast/paired-test.js'
import { pairsOfPrompts, pairsOfTexts } from '#molm/lab/contrast/pairs.js'
import { readMask } from '#molm/model/config/read-mask.js'
import { rejectsWithUserError } from '../../support/rejects.js'

const test = suite<{ model: Model }>('contrast of texts', undefined as unknown as { model: Model })

test.before(async (context) => {
  context.model = await loadModel('nano', { threads: 1 })
})

test.after(({ model }) => model.dispose())

/** Sums that differ, so that blocks of them are no copies. */
const SUMS = Array.from(
  { length: 60 },
  (_, i) => `${(i * 7) % 50} + ${(i * 13) % 40} = ${((i * 7) % 50) + ((i * 13) % 40)}\n`,
)
const WORDS = ['dog', 'river', 'bread', 'clock', 'lion', 'ship', 'tree', 'song', 'king', 'door', 'rain', 'horse']
const QUESTIONS = Array.from(
  { length: 60 },
  (_, i) => `What is a ${WORDS[i % 12]}, and is it like a ${WORDS[(i * 5) % 11]}?\n`,
)

test('two kinds of text wake other experts, a half confirms them, and they make a file to steer by', async ({
  model,
}) => {
  const [a, b] = [SUMS, QUESTIONS].map((lines, i) => ({ name: `text ${i}`, text: lines.join('') }))
  const contrast = await contrastExperts(model, await pairsOfTexts(model, [a, b]))
  const confirmed = contrast.experts.filter(({ isConfirmed }) => isConfirmed)
  assert.ok(confirmed.length > 20, `${confirmed.length} confirmed`)
  for (const { rates, rate } of confirmed) assert.is(Math.sign(rates[0] - rates[1]), Math.sign(rate.mean))
  const steered = steering(contrast, 1.5)
  const { pushes = {} } = readMask(JSON.parse(JSON.stringify(steered)), 'steer.json', model.config)
  const largest = Math.max(
    ...Object.values(pushes)
      .flat(2)
      .map(({ by }) => Math.abs(Number(by))),
  )
  assert.is(largest, 1.5)
  assert.ok(steered.spreads.mlp?.every((spread) => spread > 0.1))
})

test('texts of one kind give nothing, whatever their labels', async ({ model }) => {
  const prompts = SUMS.map((sum, i) => ({ a: sum + SUMS[(i + 7) % 60], b: SUMS[(i + 23) % 60] + SUMS[(i + 41) % 60] }))
  const { experts } = await contrastExperts(model, await pairsOfPrompts(model, prompts))
  assert.equal(
    experts.filter(({ isConfirmed }) => isConfirmed),
    [],
  )
})

test('prompts may be messages, and too few or empty ones are refused', async ({ model }) => {
  const messages = (content: string) => [{ role: 'user', content }]
  const pair = { a: messages('What is 1 + 2?'), b: messages('What is a dog?') }
  const { pairs } = await pairsOfPrompts(model, new Array(8).fill(pair))
  assert.is(model.tokenizer.decode(pairs[0].a).trim(), 'User: What is 1 + 2?\nAssistant:')
  await rejectsWithUserError(() => pairsOfPrompts(model, [pair]), /^there are 1 pairs, too few/)
  const empty = new Array(8).fill({ a: 'One.', b: '' })
  await rejectsWithUserError(() => pairsOfPrompts(model, empty), /^a text of pair 1 has no tokens/)
  const short = [
    { name: 'short.txt', text: 'One.' },
    { name: 'long.txt', text: SUMS.join('') },
  ] as const
  await rejectsWithUserError(
    () => pairsOfTexts(model, short),
    /^short\.txt: has \d+ tokens, too few; give at least 256/,
  )
})

test("tails of Student's distribution and the bound of false discoveries are as published", () => {
  // Critical values of the usual tables.
  for (const [freedom, t, p] of [
    [1, 12.706, 0.05],
    [2, 4.303, 0.05],
    [7, 3.499, 0.01],
    [10, 4.587, 0.001],
    [30, 2.042, 0.05],
  ]) {
    assert.ok(Math.abs(studentTails(t, freedom) / p - 1) < 1e-3, `${freedom} ${t}`)
  }
  // The example of Benjamini and Hochberg (1995): of 15 tests, four at a rate of 5 %.
  const ps = [
    0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.324, 0.4262, 0.5719, 0.6528, 0.759, 1,
  ]
  assert.is(falseDiscoveryBound(ps, 0.05), 0.0095)
  assert.ok(falseDiscoveryBound([0.2, 0.9], 0.05) < 0)
})

test.run()
