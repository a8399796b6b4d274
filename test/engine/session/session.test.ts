import * as assert from 'uvu/assert'
import { type GenerateOptions, type LayerRoutes, type PromptProgress, type Session, UsageError } from '#molm/index.js'
import { cacheRowBytes } from '#molm/kernels/memory/formats.js'
import { collected } from '../../support/collected.js'
import { isNear, sameBits } from '../../support/compare.js'
import { each } from '../../support/each.js'
import { NEXT_TURN } from '../../support/lantern.js'
import { logSoftmax } from '../../support/log-softmax.js'
import { suiteWithModel, withModel } from '../../support/models.js'
import { integers } from '../../support/random.js'
import { rejectsWithUserError, thrownBy } from '../../support/rejects.js'
import { routesOf } from '../../support/routes.js'

const test = suiteWithModel('a session')

const LANTERN = 'User: What is a lantern?\nAssistant:'
/** Without a stop string, nano continues after its answer with the user's next turn. */
const HELLO = 'User: Hello\nAssistant:'
/** The end of a file of code: nano writes a name, and ends its text. */
const CODE = 'export default'
const GREEDY: GenerateOptions = { temperature: 0, stop: [] }

const generate = (session: Session, prompt: string | number[], options: GenerateOptions) =>
  collected(session.generate(prompt, options))

test('reports the progress of a prompt at the beginning and after every micro-batch', async ({ model }) => {
  const tokens = integers(600, 3, 4000)
  const told: PromptProgress[] = []
  const options = { onPromptProgress: (progress: PromptProgress) => told.push(progress) }
  const session = model.createSession()
  await session.forward(tokens, { logits: 'none', ...options })
  assert.equal(each(told, 'processed'), [0, 256, 512, 600])
  assert.ok(told.every(({ total }) => total === 600))
  assert.ok(told.every(({ timeMs }, i) => timeMs >= (told[i - 1]?.timeMs ?? 0)))
  told.length = 0
  await generate(session, [5, 6, 7], { ...GREEDY, maxTokens: 4, ...options })
  assert.equal(
    told.map(({ processed, total }) => [processed, total]),
    [
      [0, 3],
      [3, 3],
    ],
  )
  session.dispose()
})

test('is empty after a reset', async ({ model }) => {
  const session = model.createSession()
  const first = await session.forward([5, 9, 2])
  await session.forward(integers(50, 3, 4000))
  session.reset()
  assert.is(session.length, 0)
  sameBits((await session.forward([5, 9, 2])).logits, first.logits)
})

test('every step, the last one too, has the routes of its token', async ({ model }) => {
  const session = model.createSession()
  const { steps } = await generate(session, LANTERN, { ...GREEDY, maxTokens: 5, routes: true })
  const prompt = model.tokenizer.encode(LANTERN)
  const tokens = [...prompt, ...steps.map(({ token }) => token)]
  const { routes = [] } = await model.createSession().forward(tokens, { routes: true })
  for (const [i, step] of steps.entries()) {
    const row = prompt.length + i
    for (const [l, experts] of (step.routes ?? []).entries()) {
      for (const { kind, topK: k } of model.config.mixtures) {
        const [one, all] = [routesOf(experts, kind), routesOf(routes[l], kind)]
        assert.equal([...one.ids], [...all.ids.subarray(row * k, row * k + k)])
        sameBits(one.gates, all.gates.subarray(row * k, row * k + k))
      }
    }
    assert.is(step.routes?.length, model.config.layers)
  }
})

test('reports the routes of a prompt of several micro-batches before the first step, as forward does', async ({
  model,
}) => {
  const prompt = integers(300, 5, 4000)
  const expected = await model.createSession().forward(prompt, { routes: true })
  const reported: LayerRoutes[][] = []
  const session = model.createSession()
  const generation = session.generate(prompt, {
    ...GREEDY,
    maxTokens: 2,
    routes: true,
    onPromptRoutes: (routes, tokens) => {
      assert.is(tokens, 300)
      reported.push(routes)
    },
  })
  await generation.next()
  assert.equal(reported, [expected.routes])
  await generation.return(undefined as never)
  session.dispose()
})

test('generates the same text and leaves the same cache with and without routes', async ({ model }) => {
  const [plain, watched] = [model.createSession(), model.createSession()]
  const wanted = { ...GREEDY, maxTokens: 6, context: 12, logprobs: 2 }
  const { steps, result } = await generate(plain, LANTERN, wanted)
  const { steps: seen, result: same } = await generate(watched, LANTERN, { ...wanted, routes: true })
  assert.equal(
    seen.map(({ routes: _, ...step }) => step),
    steps,
  )
  assert.equal(same.tokens, result.tokens)
  assert.is(watched.length, plain.length)
  const next = [result.tokens[5], 7, 9]
  sameBits((await watched.forward(next)).logits, (await plain.forward(next)).logits)
})

test('steps have routes also if a stop string ends the text', async ({ model }) => {
  const { steps: free } = await generate(model.createSession(), LANTERN, { ...GREEDY, maxTokens: 6 })
  const stop = [model.tokenizer.decode([free[3].token])]
  const { steps, result } = await generate(model.createSession(), LANTERN, {
    ...GREEDY,
    maxTokens: 6,
    stop,
    routes: true,
  })
  assert.is(result.finishReason, 'stop')
  for (const { routes } of steps) assert.is(routes?.length, model.config.layers)
})

test('ends after maxTokens tokens', async ({ model }) => {
  const session = model.createSession()
  const { steps, result } = await generate(session, LANTERN, { ...GREEDY, maxTokens: 7 })
  assert.is(steps.length, 7)
  assert.is(result.finishReason, 'length')
  assert.is(result.promptTokens, model.tokenizer.encode(LANTERN).length)
  assert.equal(
    result.tokens,
    steps.map(({ token }) => token),
  )
  assert.equal(each(steps, 'index'), [0, 1, 2, 3, 4, 5, 6])
  assert.is(result.text, model.tokenizer.decode(result.tokens))
  assert.is(steps.map(({ text }) => text).join(''), result.text)
  assert.is(session.length, result.promptTokens + 6)
})

test('ends at the end-of-text token, or continues past it with ignoreEos', async ({ model }) => {
  const eos = model.config.eosToken ?? -1
  const session = model.createSession()
  const { result } = await generate(session, CODE, { ...GREEDY, maxTokens: 60 })
  assert.is(result.finishReason, 'eos')
  assert.not(result.tokens.includes(eos))
  assert.is(session.length, result.promptTokens + result.tokens.length)
  const further = await generate(model.createSession(), CODE, {
    ...GREEDY,
    maxTokens: 60,
    ignoreEos: true,
  })
  assert.equal(further.result.tokens.slice(0, result.tokens.length + 1), [...result.tokens, eos])
  assert.is(further.result.tokens.length, 60)
})

test('ends at a stop string that spans tokens, without any of its text', async ({ model }) => {
  const free = await generate(model.createSession(), HELLO, { ...GREEDY, maxTokens: 30 })
  const text = free.result.text
  for (const stop of [text.slice(7, 13), text.slice(0, 2), text.slice(12, 13)]) {
    const session = model.createSession()
    const { steps, result } = await generate(session, HELLO, { ...GREEDY, maxTokens: 30, stop: ['never', stop] })
    const expected = text.slice(0, text.indexOf(stop))
    assert.is(result.finishReason, 'stop')
    assert.is(result.text, expected)
    assert.is(steps.map(({ text }) => text).join(''), expected)
    // The cache holds the tokens that were read, and none that the engine computed ahead.
    const { logits } = await session.forward([100])
    const length = result.promptTokens + result.tokens.length - 1
    const again = model.createSession()
    const tokens = [...model.tokenizer.encode(HELLO), ...result.tokens].slice(0, length)
    sameBits(logits, (await again.forward([...tokens, 100])).logits, `after ${JSON.stringify(stop)}`)
  }
})

test('the model’s stop strings apply if none are given', async () => {
  await withModel('nano', { quant: 'f32', threads: 1 }, async (model) => {
    const { result } = await generate(model.createSession(), NEXT_TURN.prompt, { temperature: 0, maxTokens: 60 })
    assert.is(result.finishReason, 'stop')
    assert.is(result.text, NEXT_TURN.greedy_text.split('\nUser:')[0])
  })
})

test('the probabilities of all experts sum to one and include the gates', async ({ model }) => {
  const tokens = model.tokenizer.encode('The old man and the sea. '.repeat(50))
  const { routes = [] } = await model
    .createSession()
    .forward(tokens, { logits: 'none', routes: true, probabilities: true })
  for (const layer of routes) {
    for (const { ids, gates, probabilities = new Float32Array(0) } of Object.values(layer)) {
      const experts = probabilities.length / tokens.length
      const k = ids.length / tokens.length
      for (const token of [0, 255, 256, tokens.length - 1]) {
        const row = probabilities.subarray(token * experts, (token + 1) * experts)
        assert.ok(Math.abs(row.reduce((sum, p) => sum + p) - 1) < 1e-6)
        for (let slot = 0; slot < k; slot++) assert.is(row[ids[token * k + slot]], gates[token * k + slot])
        assert.is(Math.max(...row), gates[token * k])
      }
    }
  }
})

test('log-probabilities agree with the logits', async ({ model }) => {
  const { steps } = await generate(model.createSession(), LANTERN, {
    stop: [],
    temperature: 1,
    seed: 11,
    maxTokens: 6,
    logprobs: 5,
  })
  const prompt = model.tokenizer.encode(LANTERN)
  const tokens = [...prompt, ...steps.map(({ token }) => token)]
  const { logits } = await model.createSession().forward(tokens, { logits: 'all' })
  for (const [i, { token, logprob, topLogprobs = [] }] of steps.entries()) {
    const row = (prompt.length - 1 + i) * 4096
    const expected = logSoftmax(logits.subarray(row, row + 4096))
    isNear([logprob], [expected[token]], 1e-5, 'log-probability of the token')
    const top = [...expected.keys()].sort((a, b) => expected[b] - expected[a]).slice(0, 5)
    assert.equal(each(topLogprobs, 'token'), top)
    isNear(
      topLogprobs.map(({ logprob }) => logprob),
      top.map((id) => expected[id]),
      1e-5,
      'likeliest tokens',
    )
  }
})

test('a generation continues the one before', async ({ model }) => {
  const whole = await generate(model.createSession(), LANTERN, { ...GREEDY, maxTokens: 12 })
  const session = model.createSession()
  const first = await generate(session, LANTERN, { ...GREEDY, maxTokens: 5 })
  const last = first.result.tokens[4]
  const second = await generate(session, [last], { ...GREEDY, maxTokens: 7 })
  assert.equal([...first.result.tokens, ...second.result.tokens], whole.result.tokens)
})

test('an empty prompt continues the session, and is refused by an empty one', async ({ model }) => {
  const session = model.createSession()
  for (const prompt of [[], '']) await rejectsWithUserError(() => generate(session, prompt, GREEDY), /prompt is empty/)
  await session.forward(model.tokenizer.encode(LANTERN))
  const { result } = await generate(session, [], { ...GREEDY, maxTokens: 5 })
  const expected = await generate(model.createSession(), LANTERN, { ...GREEDY, maxTokens: 5 })
  assert.equal(result.tokens, expected.result.tokens)
})

test('leaving the loop early keeps the tokens that were read', async ({ model }) => {
  const session = model.createSession()
  const tokens = model.tokenizer.encode(LANTERN)
  for await (const { index, token } of session.generate(tokens, { ...GREEDY, maxTokens: 50 })) {
    tokens.push(token)
    if (index === 3) break
  }
  assert.is(session.length, tokens.length - 1)
  const { logits } = await session.forward([77])
  const expected = await model.createSession().forward([...tokens.slice(0, -1), 77])
  sameBits(logits, expected.logits)
})

test('a context limit forgets the oldest tokens and keeps the cache small', async ({ model }) => {
  const long = { ...GREEDY, temperature: 1, seed: 3, ignoreEos: true, maxTokens: 150 }
  const free = await generate(model.createSession(), LANTERN, long)
  const wide = await generate(model.createSession(), LANTERN, { ...long, context: 1000 })
  assert.equal(wide.result.tokens, free.result.tokens)
  const session = model.createSession()
  const before = (await model.stats()).cacheBytes
  const narrow = await generate(session, LANTERN, { ...long, context: 20 })
  assert.is(narrow.result.tokens.length, 150)
  assert.not.equal(narrow.result.tokens, free.result.tokens)
  // Six layers of keys and values, rows of 128 channels, pages of 32: 20 positions touch at most two pages.
  const pages = ((await model.stats()).cacheBytes - before) / (6 * 2 * 32 * cacheRowBytes(128, 'bf16'))
  assert.ok(pages <= 2, `${pages} pages`)
})

test('two sessions do not affect each other, even while one generates', async ({ model }) => {
  const tokens = integers(90, 8, 4000)
  const alone = await model.createSession().forward(tokens, { logits: 'all' })
  const text = await generate(model.createSession(), LANTERN, { ...GREEDY, maxTokens: 30 })
  const [a, b] = [model.createSession(), model.createSession()]
  const generated: number[] = []
  const rows: Float32Array[] = []
  for await (const { index, token } of a.generate(LANTERN, { ...GREEDY, maxTokens: 30 })) {
    generated.push(token)
    rows.push((await b.forward(tokens.slice(index * 3, index * 3 + 3), { logits: 'all' })).logits)
  }
  assert.equal(generated, text.result.tokens)
  for (const [i, row] of rows.entries()) sameBits(row, alone.logits.subarray(i * 3 * 4096, (i + 1) * 3 * 4096))
})

test('calls of one session take effect in the order they are made', async ({ model }) => {
  const session = model.createSession()
  const first = session.forward([5, 9, 2])
  const second = session.forward([4])
  session.truncate(2)
  const third = session.forward([8])
  assert.is(session.length, 3)
  const whole = await model.createSession().forward([5, 9, 2, 4], { logits: 'all' })
  sameBits((await first).logits, whole.logits.subarray(2 * 4096, 3 * 4096))
  sameBits((await second).logits, whole.logits.subarray(3 * 4096))
  sameBits((await third).logits, (await model.createSession().forward([5, 9, 8])).logits)
})

test('wrong ids are refused in every call and leave the session unchanged', async ({ model }) => {
  const session = model.createSession()
  const first = await session.forward([5, 9, 2])
  const wrong: [unknown, RegExp][] = [
    [[1, 4096], /token 4096 is outside .* 4096/],
    [[1, Number.NaN], /token NaN at index 1 is not a whole number/],
    [[1.5], /token 1.5 at index 0/],
    [['abc'], /token "abc" at index 0/],
    [[undefined], /token undefined/],
    [[null], /token null/],
    [[Infinity], /token Infinity/],
    [{ length: 2 }, /token undefined at index 0/],
    [[2 ** 32 + 5], /token 4294967301 is outside the model's vocabulary of 4096/],
    [[-1], /token -1 is outside/],
    [5, /must come as an array, not 5/],
    [null, /must come as an array, not null/],
    [{}, /must come as an array/],
  ]
  for (const [tokens, pattern] of wrong) {
    await rejectsWithUserError(() => session.forward(tokens as number[]), pattern)
    await rejectsWithUserError(() => generate(session, tokens as number[], GREEDY), pattern)
  }
  await rejectsWithUserError(() => session.forward('text' as unknown as number[]), /must come as an array, not "text"/)
  await rejectsWithUserError(() => session.forward([]), /at least one token/)
  assert.is(session.length, 3)
  session.truncate(2)
  sameBits((await session.forward([2])).logits, first.logits)
  const { logits } = await session.forward(Uint16Array.of(7))
  sameBits(logits, (await model.createSession().forward([5, 9, 2, 7])).logits)
})

test('wrong options of a call are refused', async ({ model }) => {
  const session = model.createSession()
  for (const logprobs of [Number.NaN, -1, 1.5, Infinity]) {
    const thrown = await thrownBy(generate(session, [1], { logprobs }))
    assert.instance(thrown, UsageError)
    assert.match(String(thrown), /`logprobs` must be/)
  }
  for (const [options, refusal] of [
    [{ maxTokens: -1 }, '`maxTokens` must be a whole number from 0 on, not -1'],
    [{ context: 0 }, '`context` must be a whole number from 1 on, not 0'],
    [{ topP: 2 }, '`topP` must be between 0 and 1, not 2'],
    [{ stop: ['a', ''] }, '`stop` must be at most 1000 texts, none of them empty'],
  ] as const) {
    const thrown = await thrownBy(generate(session, [1], options as GenerateOptions))
    assert.is((thrown as Error).message, refusal)
  }
  const some = { logits: 'some' as 'all' }
  await rejectsWithUserError(() => session.forward([1], some), /`logits` must be one of last, all, none, not "some"/)
  assert.is(session.length, 0)
})

test('cannot be used after it has been disposed of', async ({ model }) => {
  const session = model.createSession()
  await session.forward([5, 9, 2])
  const snapshot = await session.exportCache()
  session.dispose()
  session.dispose()
  assert.is(session.length, 0)
  const calls: (() => unknown)[] = [
    () => session.forward([1]),
    () => generate(session, [1], GREEDY),
    () => session.truncate(0),
    () => session.truncateToCommon([5]),
    () => session.reset(),
    () => session.exportCache(),
    () => session.importCache(snapshot),
  ]
  for (const call of calls) {
    const thrown = await thrownBy((async () => call())())
    assert.instance(thrown, UsageError, String(call))
    assert.match(String(thrown), /this session has been disposed/)
  }
  assert.is((await thrownBy(model.createSession().forward([1]))) as unknown, undefined)
})

test('counts its tokens correctly when a call fails between others', async ({ model }) => {
  const session = model.createSession()
  const controller = new AbortController()
  const first = session.forward(integers(100, 1, 4000), { logits: 'none' })
  const failing = session.forward(integers(5000, 2, 4000), { logits: 'none', signal: controller.signal })
  session.truncate(60)
  const last = session.forward([1, 2, 3])
  assert.is(session.length, 63)
  controller.abort(new Error('enough'))
  assert.match(String(await thrownBy(failing)), /enough/)
  await first
  sameBits(
    (await last).logits,
    (await model.createSession().forward([...integers(100, 1, 4000).slice(0, 60), 1, 2, 3])).logits,
  )
  assert.is(session.length, 63)
  const whole = new AbortController()
  const alone = model.createSession()
  const aborted = alone.forward(integers(5000, 2, 4000), { logits: 'none', signal: whole.signal })
  alone.reset()
  whole.abort(new Error('enough'))
  await thrownBy(aborted)
  assert.is(alone.length, 0)
})

test('many generations share a signal without a warning from Node, and one abort ends them all', async ({ model }) => {
  const warnings: string[] = []
  const heard = ({ name }: Error) => warnings.push(name)
  process.on('warning', heard)
  const controller = new AbortController()
  const sessions = Array.from({ length: 12 }, () => model.createSession())
  const ends = sessions.map(async (session) => {
    for await (const _ of session.generate(HELLO, { ...GREEDY, maxTokens: 10_000, signal: controller.signal })) {
      if (session === sessions[11]) controller.abort(new Error('enough'))
    }
  })
  const results = await Promise.allSettled(ends)
  // Node emits a warning in a later turn of the event loop.
  await new Promise((resolve) => setImmediate(resolve))
  process.off('warning', heard)
  for (const session of sessions) session.dispose()
  assert.equal(
    results.map((result) => result.status === 'rejected' && result.reason.message),
    sessions.map(() => 'enough'),
  )
  assert.equal(warnings, [])
})

test.run()
