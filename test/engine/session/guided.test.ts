import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import {
  type GenerateOptions,
  type LoadOptions,
  loadModel,
  type Model,
  resultOf,
  type Step,
  UsageError,
} from '#molm/index.js'
import { collected } from '../../support/collected.js'
import { each } from '../../support/each.js'
import { fixturePath } from '../../support/fixtures.js'
import { suiteWithModel, withModel } from '../../support/models.js'
import { integers } from '../../support/random.js'
import { thrownBy } from '../../support/rejects.js'
import { type GuideScript, guideBy, maskOf } from '../../support/scripted-guide.js'

const test = suiteWithModel('a guided generation')

/** Any value: the scripts guide, whatever the constraint. */
const GUIDED: GenerateOptions = { regex: '.*', ignoreEos: true, stop: [] }
const PROMPT = 'Call me Ishmael. Some years ago'

/** Some seventh of the vocabulary, another at every position; now and then only one token. */
function allowedAt(position: number, vocabSize: number): number[] {
  const only = position % 10
  if (only >= 6) return [(97 * position + 5) % vocabSize]
  return Array.from({ length: vocabSize }, (_, id) => id).filter((id) => (id * 31 + position * 17) % 7 === 0)
}

const byMasks =
  (vocabSize: number): GuideScript =>
  ({ length }) =>
    maskOf(allowedAt(length, vocabSize), vocabSize)

/** The same limits, but a token without alternative is forced, together with forced ones that follow it. */
const byForce =
  (vocabSize: number): GuideScript =>
  ({ length }) => {
    const forced: number[] = []
    for (let at = length; allowedAt(at, vocabSize).length === 1; at++) forced.push(...allowedAt(at, vocabSize))
    return forced.length > 0
      ? { kind: 'forced', tokens: Int32Array.from(forced) }
      : maskOf(allowedAt(length, vocabSize), vocabSize)
  }

async function generate(model: Model, prompt: string | number[], options: GenerateOptions) {
  const session = model.createSession()
  const all = await collected(session.generate(prompt, { ...GUIDED, ...options }))
  const { length } = session
  session.dispose()
  return { ...all, length }
}

const tokensOf = ({ steps }: { steps: Step[] }) => steps.map(({ token }) => token)

test('every token is one that the guide allows, sampled or greedy', async ({ model }) => {
  const { vocabSize } = model.config
  for (const options of [{ temperature: 0 }, { temperature: 1.2, seed: 3 }, { temperature: 0.7, topK: 3, seed: 4 }]) {
    guideBy(model, byMasks(vocabSize))
    const { steps } = await generate(model, PROMPT, { ...options, maxTokens: 40 })
    assert.is(steps.length, 40)
    for (const [at, { token }] of steps.entries()) assert.ok(allowedAt(at, vocabSize).includes(token), `token ${at}`)
  }
})

test('forced tokens leave the text and its state as masks of one token do, to the bit', async ({ model }) => {
  const { vocabSize } = model.config
  for (const routes of [false, true]) {
    for (const maxTokens of [1, 8, 9, 25]) {
      const options = { temperature: 0.9, seed: 5, maxTokens, routes, logprobs: 2 }
      guideBy(model, byMasks(vocabSize))
      const masked = await generate(model, PROMPT, options)
      guideBy(model, byForce(vocabSize))
      const scored = await generate(model, PROMPT, options)
      const forced = await generate(model, PROMPT, { ...options, logprobs: undefined })
      assert.equal(
        scored.steps.map(({ forced: _, ...step }) => step),
        masked.steps,
        'with log-probabilities, forced tokens have the log-probabilities of the model',
      )
      assert.equal(tokensOf(forced), tokensOf(masked))
      assert.equal(forced.length, masked.length)
      for (const [i, step] of forced.steps.entries()) {
        assert.equal(step.routes, masked.steps[i].routes)
        assert.is(step.forced, allowedAt(i, vocabSize).length === 1 ? true : undefined)
        assert.is(step.logprob, step.forced ? 0 : masked.steps[i].logprob)
      }
    }
  }
})

test('a text continues after forced tokens as if they had been read one by one', async ({ model }) => {
  const { vocabSize } = model.config
  const logitsAfter = async (script: GuideScript, maxTokens: number) => {
    const session = model.createSession()
    guideBy(model, script)
    const { tokens } = await resultOf(session.generate(PROMPT, { ...GUIDED, temperature: 0, maxTokens }))
    const held = session.length
    const { logits } = await session.forward(tokens.slice(-1))
    session.dispose()
    return { held, logits }
  }
  for (const maxTokens of [8, 10, 11]) {
    assert.equal(
      await logitsAfter(byForce(vocabSize), maxTokens),
      await logitsAfter(byMasks(vocabSize), maxTokens),
      `${maxTokens} tokens`,
    )
  }
})

test('a stop string within forced tokens ends the text there', async ({ model }) => {
  const tokens = Int32Array.from(model.tokenizer.encode('one two three', { addSpecialTokens: false }))
  guideBy(model, () => ({ kind: 'forced', tokens }))
  const { result } = await generate(model, PROMPT, { stop: [' two'], maxTokens: 50 })
  assert.is(result.text, 'one')
  assert.is(result.finishReason, 'stop')
})

test('an end-of-text token among forced ones ends the text', async ({ model }) => {
  const [eos] = model.generationDefaults.eosTokens ?? []
  const tokens = Int32Array.of(...model.tokenizer.encode('the end', { addSpecialTokens: false }), eos, 5)
  guideBy(model, () => ({ kind: 'forced', tokens }))
  const { result, length } = await generate(model, [5, 9, 2], { ignoreEos: false, maxTokens: 50 })
  assert.is(result.finishReason, 'eos')
  assert.equal(result.tokens, [...tokens.slice(0, -2)])
  assert.is(length, 3 + result.tokens.length)
})

test('a complete text ends with the reason "stop"', async ({ model }) => {
  const { vocabSize } = model.config
  guideBy(model, ({ length }) => (length < 12 ? maskOf([length + 9], vocabSize) : { kind: 'done' }))
  const { result, length } = await generate(model, [5, 9, 2], { maxTokens: 50 })
  assert.equal([result.finishReason, result.tokens.length, length], ['stop', 12, 15])
})

test('a text that is complete at the limit of tokens ends with the reason "stop"', async ({ model }) => {
  const { vocabSize } = model.config
  for (const routes of [false, true]) {
    guideBy(model, ({ length }) => (length < 12 ? maskOf([length + 9], vocabSize) : { kind: 'done' }))
    const { result, length } = await generate(model, [5, 9, 2], { maxTokens: 12, routes })
    assert.equal([result.finishReason, result.tokens.length, length], ['stop', 12, 15])
    assert.is((await generate(model, [5, 9, 2], { maxTokens: 11, routes })).result.finishReason, 'length')
    const forced = Int32Array.from([21, 22, 23, 24])
    guideBy(model, ({ length }) => (length < 4 ? { kind: 'forced', tokens: forced } : { kind: 'done' }))
    assert.is((await generate(model, [5, 9, 2], { maxTokens: 4, routes })).result.finishReason, 'stop')
    assert.is((await generate(model, [5, 9, 2], { maxTokens: 3, routes })).result.finishReason, 'length')
    guideBy(model, () => ({ kind: 'free' }))
    assert.is((await generate(model, [5, 9, 2], { maxTokens: 3, routes })).result.finishReason, 'length')
  }
})

test('a guide that fails gives its message, and the session stays usable', async ({ model }) => {
  guideBy(model, ({ length }) => (length < 3 ? { kind: 'free' } : { kind: 'failed', message: 'the grammar has ended' }))
  const session = model.createSession()
  const error = await thrownBy(resultOf(session.generate(PROMPT, { ...GUIDED, maxTokens: 20 })))
  assert.match(String(error), /the grammar has ended/)
  const { tokens } = await resultOf(session.generate('', { maxTokens: 3, ignoreEos: true }))
  assert.is(tokens.length, 3)
  session.dispose()
})

test('other generations run while a guide is late, and an abort ends the wait', async ({ model }) => {
  const { vocabSize } = model.config
  const controller = new AbortController()
  const end = new AbortController()
  const late = once(end.signal, 'abort')
  guideBy(model, async ({ length }) => {
    if (length === 2) await late
    return maskOf(allowedAt(length, vocabSize), vocabSize)
  })
  const waiting = generate(model, PROMPT, { maxTokens: 5, temperature: 0 })
  const aborted = thrownBy(generate(model, PROMPT, { maxTokens: 5, signal: controller.signal }))
  const free = model.createSession()
  const { tokens } = await resultOf(free.generate(PROMPT, { maxTokens: 30, ignoreEos: true, stop: [] }))
  assert.is(tokens.length, 30, 'a generation without a guide ran to its end')
  controller.abort(new Error('enough'))
  assert.match(String(await aborted), /enough/)
  await wait(20)
  end.abort()
  const { steps } = await waiting
  guideBy(model, byMasks(vocabSize))
  assert.equal(steps, (await generate(model, PROMPT, { maxTokens: 5, temperature: 0 })).steps)
  free.dispose()
})

test('guided texts are the same alone, in company, with any threads and kernels', async () => {
  const variants: LoadOptions[] = [
    { threads: 1, kernels: 'relaxed' },
    { threads: 3, kernels: 'plain' },
  ]
  const texts: unknown[] = []
  for (const variant of variants) {
    await withModel(fixturePath('01-base-bin-f32'), { quant: 'q4', ...variant }, async (model) => {
      const { vocabSize } = model.config
      const ask = (seed: number) =>
        generate(model, integers(9, seed, 200), { temperature: 1, topK: 0, topP: 1, seed, maxTokens: 30 })
      guideBy(model, byForce(vocabSize))
      const alone = [await ask(1), await ask(2)]
      const company = await Promise.all([ask(1), ask(2), ask(3), ask(4)])
      assert.equal(
        each(company.slice(0, 2), 'steps'),
        alone.map(({ steps }) => steps),
      )
      texts.push(alone.map(({ steps }) => steps))
    })
  }
  for (const other of texts.slice(1)) assert.equal(other, texts[0])
})

test('the limit of a context cuts forced tokens', async ({ model }) => {
  const { vocabSize } = model.config
  await withModel(fixturePath('21-granitemoe-f32'), { threads: 1 }, async (limited) => {
    const { maxPositions = 0 } = limited.config
    guideBy(limited, () => ({ kind: 'forced', tokens: Int32Array.from({ length: 64 }, (_, i) => i + 5) }))
    const prompt = integers(maxPositions - 10, 3, limited.config.vocabSize)
    const { result, length } = await generate(limited, prompt, { maxTokens: 500 })
    assert.equal([result.contextFull, result.tokens.length, length], [true, 11, maxPositions])
  })
  assert.ok(vocabSize > 64)
})

test('only one constraint may be given', async ({ model }) => {
  const session = model.createSession()
  const error = await thrownBy(resultOf(session.generate(PROMPT, { regex: 'a', schema: true })))
  assert.instance(error, UsageError)
  assert.match(String(error), /`schema` and `regex`/)
  session.dispose()
})

test('a wrong guide, and a schema that is no JSON, are refused in words', async () => {
  // Scripts guide the model of the other tests.
  const model = await loadModel(fixturePath('01-base-bin-f32'), { threads: 1 })
  const session = model.createSession()
  const wrong: [GenerateOptions, RegExp][] = [
    [{ guide: 5 as never }, /`guide` must be an object/],
    [{ guide: { phases: [{ kind: 'fre' as 'free', until: [] }] } }, /phase 0 of `guide` must have a kind: free/],
    [{ schema: { const: () => 1 } }, /`const` is a function/],
  ]
  for (const [options, message] of wrong) {
    assert.match(String(await thrownBy(resultOf(session.generate(PROMPT, options)))), message)
  }
  await model.dispose()
})

test.run()
