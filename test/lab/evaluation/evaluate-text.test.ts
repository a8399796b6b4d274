import { readFile } from 'node:fs/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { logprobOf } from '#molm/engine/sampling/logprobs.js'
import { loadModel, type Model } from '#molm/index.js'
import { evaluateText, readText } from '#molm/lab/index.js'
import { fixturePath } from '../../support/fixtures.js'
import { withModel } from '../../support/models.js'
import { rejectsWithUserError, thrownBy } from '../../support/rejects.js'
import { assertClose } from './close.js'

const test = suite<{ model: Model }>('evaluate-text')

test.before(async (context) => {
  context.model = await loadModel('nano', { quant: 'f32' })
})
test.after(({ model }) => model.dispose())

/** Takes the first lines of a text, enough for tests without a reference. */
async function beginning(characters: number) {
  const { text } = await readText(fixturePath('texts/dialogue.txt'))
  return { name: 'dialogue', text: text.slice(0, characters) }
}

test('perplexity equals the reference implementation’s', async ({ model }) => {
  const expected = JSON.parse(await readFile(fixturePath('texts/expected.json'), 'utf8')).texts.speeches
  const text = await readText(fixturePath('texts/speeches.txt'))
  const stride = 256
  const { tokens, scored, nll, perplexity, bitsPerByte } = await evaluateText(model, text, { window: 256, stride })
  const wanted = expected[`window256_stride${stride}`]
  assert.is(tokens, expected.tokens)
  assert.is(scored, wanted.scored)
  assertClose(nll / wanted.nll, 1, 1e-6)
  assertClose(perplexity / wanted.perplexity, 1, 1e-5)
  assertClose(bitsPerByte / wanted.bits_per_byte, 1, 1e-6)
})

test('a window of more tokens than run at once gives the result of one pass', async ({ model }) => {
  const text = await beginning(3000)
  const tokens = model.tokenizer.encode(text.text)
  assert.ok(tokens.length > 600)
  const session = model.createSession()
  const { logits } = await session.forward(tokens, { logits: 'all' })
  session.dispose()
  const V = model.config.vocabSize
  let nll = 0
  for (let t = 1; t < tokens.length; t++) nll -= logprobOf(logits.subarray((t - 1) * V, t * V), tokens[t])
  const score = await evaluateText(model, text, { window: tokens.length })
  assertClose(score.nll / nll, 1, 1e-7)
  assert.is(score.scored, tokens.length - 1)
})

test('windows that run at once give the results of each alone, bit for bit', async ({ model }) => {
  const text = await beginning(800)
  const tokens = model.tokenizer.encode(text.text)
  const session = model.createSession()
  let nll = 0
  for (let start = 0, reached = 0; reached < tokens.length; start += 40) {
    const end = Math.min(start + 64, tokens.length)
    const targets = tokens.slice(Math.max(reached, start + 1), end)
    session.reset()
    const { logprobs = [] } = await session.forward(tokens.slice(start, end - 1), { logits: 'none', targets })
    for (const logprob of logprobs) nll -= logprob
    reached = end
  }
  session.dispose()
  assert.is((await evaluateText(model, text, { window: 64, stride: 40 })).nll, nll)
})

test('the window defaults to the trained length, and the stride to the window', async ({ model }) => {
  const { trainedContext: window } = model.config
  const text = await beginning(8000)
  const byDefault = await evaluateText(model, text)
  assert.ok(byDefault.tokens > window)
  assert.equal(byDefault, await evaluateText(model, text, { window, stride: window }))
})

test('a model agrees completely with itself, and nearly with a coarser packing', async ({ model }) => {
  const text = await beginning(700)
  const itself = await evaluateText(model, text, { against: model })
  const { nll, perplexity, bitsPerByte } = itself
  assert.equal(itself.against, { nll, perplexity, bitsPerByte, klDivergence: 0, top1Agreement: 1 })
  await withModel('nano', { quant: 'q4' }, async (coarse) => {
    const { against } = await evaluateText(coarse, text, { against: model })
    assert.ok(against && against.klDivergence > 1e-4 && against.klDivergence < 0.2, String(against?.klDivergence))
    assert.ok(against.top1Agreement > 0.8 && against.top1Agreement < 1, String(against.top1Agreement))
    assert.equal([against.nll, against.perplexity, against.bitsPerByte], [nll, perplexity, bitsPerByte])
  })
})

test('progress rises to the end of the text, even with overlapping windows', async ({ model }) => {
  const text = await beginning(600)
  const seen: number[] = []
  const onProgress = (done: { tokens: number }) => seen.push(done.tokens)
  const { tokens } = await evaluateText(model, text, { window: 32, stride: 12, onProgress })
  assert.is(seen.at(-1), tokens)
  assert.ok(seen.length > 5, `${seen}`)
  assert.ok(seen.every((value, i) => i === 0 || value > seen[i - 1]))
})

test('a text under two tokens, a classifier and models with different tokens are refused', async ({ model }) => {
  await rejectsWithUserError(() => evaluateText(model, { name: 'a.txt', text: '' }), /a\.txt: has 0 tokens/)
  const other = await loadModel(fixturePath('01-base-bin-f32'))
  const classifier = await loadModel(fixturePath('13-classifier-safetensors-f32'))
  try {
    const text = await beginning(200)
    await rejectsWithUserError(() => evaluateText(model, text, { against: other }), /has other tokens than nano/)
    await rejectsWithUserError(() => evaluateText(classifier, text), /is a sequence classifier/)
  } finally {
    await other.dispose()
    await classifier.dispose()
  }
})

test('an abort rejects with its reason', async ({ model }) => {
  const reason = new Error('enough')
  const controller = new AbortController()
  const text = await beginning(3000)
  const scoring = evaluateText(model, text, {
    window: 64,
    onProgress: () => controller.abort(reason),
    signal: controller.signal,
  })
  assert.is(await thrownBy(scoring), reason)
})

test.run()
