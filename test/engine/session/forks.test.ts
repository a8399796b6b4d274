import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { UsageError } from '#molm/ground/errors.js'
import { convertModel, type Model, resultOf, type Session } from '#molm/index.js'
import { perMixture } from '#molm/model/config/config.js'
import { each } from '../../support/each.js'
import { fixturePath } from '../../support/fixtures.js'
import { suiteWithModel, withModel } from '../../support/models.js'
import { integers } from '../../support/random.js'
import { thrownBy } from '../../support/rejects.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'

/* Families: stick-breaking attention, softmax with windows and sinks, latents, convolutions, heads with states. */
const MODELS = [
  '03-topk4-safetensors-bf16-sharded',
  '71-gptoss-bf16-sharded',
  '82-lfm2moe-bf16-sharded',
  '91-granitehybrid-f32',
  '121-deepseekv3-f32',
  '181-afmoe-f32',
  '196-qwen35moe-bf16',
  '207-zaya-bf16-sharded',
  '211-ling3-f32',
]

const DOCUMENT = integers(180, 1, 220)
const QUESTIONS = [2, 3, 4, 5].map((seed) => integers(9 + seed, seed, 220))

/** Without drafts, which would count among the tokens that were run. */
const OPTIONS = { maxTokens: 24, temperature: 1, seed: 7, ignoreEos: true, stop: [], promptLookupNumTokens: 0 }

async function answer(session: Session, prompt: readonly number[], maxTokens = 24): Promise<number[]> {
  return (await resultOf(session.generate(prompt, { ...OPTIONS, maxTokens }))).tokens
}

/** Answers each question in its own session, which reads all of it. */
async function alone(model: Model): Promise<number[][]> {
  const answers: number[][] = []
  for (const question of QUESTIONS) {
    const session = model.createSession()
    answers.push(await answer(session, [...DOCUMENT, ...question]))
    session.dispose()
  }
  return answers
}

const processed = async (model: Model) => (await model.stats()).tokensProcessed

for (const name of MODELS) {
  const test = suiteWithModel(`forks with ${name}`, fixturePath(name), { quant: 'q4', threads: 1 })
  test('answer at the same time what sessions of their own answer, and read the document once', async ({ model }) => {
    const expected = await alone(model)
    const before = await processed(model)
    const document = model.createSession()
    await document.forward(DOCUMENT, { logits: 'none' })
    const { cacheBytes: once } = await model.stats()
    const forks = await Promise.all(QUESTIONS.map(() => document.fork()))
    assert.equal(forks[0].tokens, DOCUMENT)
    const { cacheBytes: shared } = await model.stats()
    assert.ok(shared < 3 * once, `${shared} bytes for five sessions, ${once} for one`)
    const answers = await Promise.all(forks.map((fork, i) => answer(fork, QUESTIONS[i])))
    assert.equal(answers, expected)
    const read = DOCUMENT.length + QUESTIONS.reduce((sum, { length }) => sum + length + 23, 0)
    assert.is((await processed(model)) - before, read)
    // A fork of a fork, cut within the document, and the original afterwards.
    const second = await forks[0].fork({ length: DOCUMENT.length })
    document.truncate(100)
    assert.equal(await answer(second, QUESTIONS[1]), expected[1])
    assert.equal(await answer(document, [...DOCUMENT.slice(100), ...QUESTIONS[2]]), expected[2])
    forks[3].truncate(90)
    assert.equal(await answer(forks[3], [...DOCUMENT.slice(90), ...QUESTIONS[0]]), expected[0])
    for (const session of [document, second, ...forks]) session.dispose()
    assert.is((await model.stats()).cacheBytes, 0)
  })

  test('are made while a session reads or answers, if they do not wait', async ({ model }) => {
    const [expected] = await alone(model)
    const session = model.createSession()
    const prompt = [...DOCUMENT, ...QUESTIONS[0]]
    const generation = session.generate(prompt, OPTIONS)
    const tokens = [(await generation.next()).value as { token: number }]
    const fork = await session.fork({ length: DOCUMENT.length, waits: false })
    assert.ok(fork.length <= DOCUMENT.length && fork.length > DOCUMENT.length - 512, `${fork.length} tokens`)
    for (let next = await generation.next(); !next.done; next = await generation.next()) tokens.push(next.value)
    assert.equal(each(tokens, 'token'), expected)
    assert.equal(await answer(fork, prompt.slice(fork.length)), expected)
  })

  test.run()
}

const test = suite('forks of a session')

test('wait for earlier calls, unless they are asked not to', () =>
  withModel(fixturePath(MODELS[0]), { threads: 1 }, async (model) => {
    const session = model.createSession()
    // The engine takes the next call before the last of its micro-batches.
    const long = integers(20_000, 1, 220)
    const reading = session.forward(long, { logits: 'none' })
    const early = session.fork({ waits: false })
    session.truncate(150)
    const late = session.fork()
    const part = session.fork({ length: 20 })
    assert.ok((await early).length < long.length)
    assert.equal((await late).tokens, long.slice(0, 150))
    assert.equal((await part).tokens, long.slice(0, 20))
    await reading
  }))

test('of an empty session are empty, and a wrong length is an error', () =>
  withModel(fixturePath(MODELS[0]), { threads: 1 }, async (model) => {
    const session = model.createSession()
    assert.is((await session.fork()).length, 0)
    assert.instance(await thrownBy(session.fork({ length: -1 })), UsageError)
    session.dispose()
    assert.instance(await thrownBy(session.fork()), UsageError)
  }))

test('share their memory still when the engine has been replaced', async () => {
  await inTemporaryFolder(async (folder) => {
    await convertModel(fixturePath('22-granitemoe-bf16-sharded'), folder, { quant: 'q4' })
    await withModel(folder, { threads: 1 }, async (model) => {
      const document = model.createSession()
      await document.forward(DOCUMENT, { logits: 'none' })
      const forks = await Promise.all([document.fork(), document.fork()])
      const expected = await answer(await document.fork(), QUESTIONS[0])
      const { cacheBytes } = await model.stats()
      assert.ok(await model.freeExperts())
      assert.is((await model.stats()).cacheBytes, cacheBytes)
      for (const session of [...forks, document]) assert.equal(await answer(session, QUESTIONS[0]), expected)
    })
  })
})

test('have the mask of their session', () =>
  withModel(fixturePath(MODELS[0]), { threads: 1 }, async (model) => {
    const { mixtures } = model.config
    const mask = { gates: 'kept', ...perMixture(mixtures, ({ experts }) => experts.map(() => [0])) } as const
    const session = model.createSession({ mask })
    await session.forward(DOCUMENT.slice(0, 40), { logits: 'none' })
    const fork = await session.fork()
    const { routes } = await fork.forward(QUESTIONS[0], { routes: true })
    for (const layer of routes) assert.not.ok(layer.mlp?.ids.includes(0))
    assert.equal(await answer(fork, []), await answer(session, QUESTIONS[0]))
  }))

test.run()
