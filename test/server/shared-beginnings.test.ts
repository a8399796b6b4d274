import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { HeldSession } from '#molm/engine/session/shared/held-session.js'
import { SharedTokens } from '#molm/engine/session/shared/shared-tokens.js'
import { resultOf, type Session } from '#molm/index.js'
import { integers } from '../support/random.js'
import { thrownBy } from '../support/rejects.js'
import { post, send, serveNano, serverFor, until } from './served.js'

/* Requests with the same beginning read it once, and keep it in memory once. The engine counts the tokens it runs. */
const test = suite('requests with the same beginning')

const DOCUMENT = integers(300, 1, 400)
const QUESTIONS = Array.from({ length: 5 }, (_, i) => integers(5 + i, 10 + i, 400))
const ANSWER = 12
const SETTINGS = { max_tokens: ANSWER, temperature: 1, seed: 3, ignore_eos: true, prompt_lookup_num_tokens: 0 }

const served = serverFor(test, () => serveNano())

const ask = async (prompt: readonly number[], more = {}) => {
  const { status, body } = await post(served.url, '/v1/completions', { ...SETTINGS, prompt, ...more })
  assert.is(status, 200, JSON.stringify(body))
  return body
}

const textOf = async (prompt: readonly number[]) => (await ask(prompt)).choices[0].text
const processed = async () => (await served.model.stats()).tokensProcessed

/** Another document in each test, so that no earlier test has left it in memory. */
const documentOf = (seed: number) => integers(DOCUMENT.length, seed, 400)

test('read it once, though they arrive together, and answer as they do alone', async () => {
  const alone = await Promise.all(
    QUESTIONS.map(async (question) => {
      const session = served.model.createSession()
      const options = { maxTokens: ANSWER, temperature: 1, seed: 3, ignoreEos: true, stop: [] }
      const { text } = await resultOf(session.generate([...DOCUMENT, ...question], options))
      session.dispose()
      return text
    }),
  )
  const before = await processed()
  const bodies = await Promise.all(QUESTIONS.map((question) => ask([...DOCUMENT, ...question])))
  const texts = bodies.map(({ choices }) => choices[0].text)
  assert.equal(texts, alone)
  const read = QUESTIONS.reduce((sum, { length }) => sum + length + ANSWER - 1, DOCUMENT.length)
  assert.is((await processed()) - before, read)
  const cached = bodies.map(({ usage }) => usage.prompt_tokens_details.cached_tokens).sort((a, b) => a - b)
  assert.equal(cached, [0, ...new Array(4).fill(DOCUMENT.length)])
  const { cacheBytes, cacheTokenBytes } = await served.model.stats()
  // Each of the five has a page or two that it does not share.
  assert.ok(cacheBytes < (DOCUMENT.length + 32 + 5 * 64) * cacheTokenBytes, `${cacheBytes} bytes`)
})

test('read it once as choices of one request', async () => {
  const document = documentOf(41)
  const before = await processed()
  const { choices, usage } = await ask(document, { n: 4 })
  assert.is(choices.length, 4)
  assert.is(usage.prompt_tokens, document.length)
  // The prompt's last token runs for each choice.
  assert.is((await processed()) - before, document.length - 1 + 4 * ANSWER)
})

test('are answered if the one that reads it is aborted', async () => {
  const document = [...documentOf(43), ...documentOf(44)]
  const controller = new AbortController()
  const body = { ...SETTINGS, prompt: [...document, 1], stream: true }
  const before = await processed()
  const first = send(served.url, '/v1/completions', body, controller)
  await until(async () => (await processed()) > before)
  const others = [1, 2, 3].map((i) => ask([...document, ...QUESTIONS[i]]))
  controller.abort()
  await thrownBy(first.then((response) => response.text()))
  const texts = (await Promise.all(others)).map(({ choices }) => choices[0].text)
  const read = (await processed()) - before
  assert.ok(read < 2.2 * document.length, `${read} tokens read`)
  assert.is(texts[0], await textOf([...document, ...QUESTIONS[1]]))
})

test.run()

const counts = suite('tokens that sessions share')

const sessionOf = (name: string) => ({ name }) as unknown as Session
const [a, b, c, d] = ['a', 'b', 'c', 'd'].map(sessionOf)

counts('count once, in full pages, also for forks of forks', () => {
  const shared = new SharedTokens()
  shared.fork(b, a, 100)
  shared.fork(c, b, 80)
  const sizes = [a, b, c, d].map((session) => ({ session, tokens: 200 }))
  assert.is(shared.common(c, sizes), 64)
  assert.is(shared.together(sizes), 800 - 96 - 64)
  shared.drop(b)
  assert.is(shared.together(sizes), 800 - 64)
  shared.cut(a, 40)
  assert.is(shared.together(sizes), 800 - 32)
  shared.replace(c, d)
  assert.is(shared.common(d, sizes), 32)
  shared.drop(a)
  assert.is(shared.together(sizes), 800)
})

counts.run()

const held = suite('a session in use')

held('wakes sessions that wait for its prompt, at its end too, or when they are aborted', async () => {
  const one = new HeldSession(a, [1, 2, 3, 4], 10)
  const order: string[] = []
  const two = one.reached(2).then(() => order.push('two'))
  const four = one.reached(4).then(() => order.push('four'))
  const controller = new AbortController()
  const aborted = thrownBy(one.reached(4, controller.signal))
  one.read = 2
  await two
  controller.abort(new Error('left'))
  assert.match(String(await aborted), /left/)
  assert.equal(order, ['two'])
  one.end()
  await four
  assert.equal(order, ['two', 'four'])
})

held.run()
