import * as assert from 'uvu/assert'
import { type Model, type PromptProgress, resultOf, type Session } from '#molm/index.js'
import { sameBits } from '../../support/compare.js'
import { suiteWithModel } from '../../support/models.js'
import { integers } from '../../support/random.js'
import { thrownBy } from '../../support/rejects.js'

/* Calls that are aborted while they read a prompt. The engine counts the tokens that it runs. */
const test = suiteWithModel('a session whose prompt is aborted')

const BEFORE = integers(20, 1, 4000)
const PROMPT = integers(1500, 2, 4000)
const GREEDY = { temperature: 0, maxTokens: 3, ignoreEos: true, stop: [], promptLookupNumTokens: 0 }
/** Tokens that have been read at least when the abort comes. */
const READ = 256

/** Options that abort a call when it has read `place` tokens, or a few more. */
function abortingAt(place: number) {
  const controller = new AbortController()
  const onPromptProgress = ({ processed }: PromptProgress) => {
    if (processed >= place) controller.abort(new Error('enough'))
  }
  return { signal: controller.signal, onPromptProgress }
}

async function began(model: Model): Promise<Session> {
  const session = model.createSession()
  await session.forward(BEFORE, { logits: 'none' })
  return session
}

/** Tokens of a generation, and the number that the engine ran for it. */
async function generated(model: Model, session: Session, prompt: number[]) {
  const before = (await model.stats()).tokensProcessed
  const { tokens } = await resultOf(session.generate(prompt, GREEDY))
  return { tokens, ran: (await model.stats()).tokensProcessed - before }
}

async function aborted(call: Promise<unknown> | AsyncGenerator<unknown, unknown>): Promise<void> {
  assert.match(String(await thrownBy('next' in call ? call.next() : call)), /enough/)
}

test('has the tokens of before, and the next call with the same prompt reads the rest', async ({ model }) => {
  const expected = await generated(model, await began(model), PROMPT)
  const session = await began(model)
  await aborted(session.generate(PROMPT, { ...GREEDY, ...abortingAt(READ) }))
  assert.equal(session.tokens, BEFORE)
  await aborted(session.forward(PROMPT, abortingAt(2 * READ)))
  assert.equal(session.tokens, BEFORE)
  const again = await generated(model, session, PROMPT)
  assert.equal(again.tokens, expected.tokens)
  assert.ok(again.ran <= expected.ran - 2 * READ, `${again.ran} of ${expected.ran} tokens read`)
  assert.equal(session.tokens, [...BEFORE, ...PROMPT, ...again.tokens.slice(0, -1)])
  session.dispose()
})

test('gives another prompt the result that it has without the abort', async ({ model }) => {
  const session = await began(model)
  await aborted(session.forward(PROMPT, abortingAt(READ)))
  const other = await began(model)
  const next = [...PROMPT.slice(0, 300), 5, 6, 7]
  sameBits((await session.forward(next)).logits, (await other.forward(next)).logits)
  for (const one of [session, other]) one.dispose()
})

test('takes over what was read, if it has that in common with a prompt', async ({ model }) => {
  const session = await began(model)
  await aborted(session.forward(PROMPT, abortingAt(READ)))
  const { cacheBytes, cacheTokenBytes } = await model.stats()
  assert.ok(cacheBytes >= (BEFORE.length + READ) * cacheTokenBytes, 'it takes memory meanwhile')
  const all = [...BEFORE, ...PROMPT]
  const kept = session.truncateToCommon(all)
  assert.ok(kept >= BEFORE.length + READ, `${kept} tokens`)
  assert.equal(session.tokens, all.slice(0, kept))
  const { tokens, ran } = await generated(model, session, all.slice(kept))
  assert.is(ran, all.length - kept + GREEDY.maxTokens - 1)
  assert.equal(tokens, (await generated(model, model.createSession(), all)).tokens)
  session.reset()
  assert.is(session.truncateToCommon(all), 0)
  session.dispose()
})

test('keeps the whole prompt if the abort comes before the first token', async ({ model }) => {
  const session = await began(model)
  await aborted(session.generate(PROMPT, { ...GREEDY, ...abortingAt(PROMPT.length) }))
  assert.equal(session.tokens, BEFORE)
  const expected = await generated(model, await began(model), PROMPT)
  const again = await generated(model, session, PROMPT)
  assert.equal(again.tokens, expected.tokens)
  assert.is(again.ran, GREEDY.maxTokens)
  session.dispose()
})

test('of a chat continues with the next messages that begin alike', async ({ model }) => {
  const document = 'The lantern is lit, and the boat is far away. '.repeat(200)
  const session = model.createSession()
  const ask = (question: string, more = {}) => {
    return session.chat([{ role: 'user', content: `${document}${question}` }], { ...GREEDY, ...more })
  }
  await aborted(ask('What is lit?', abortingAt(READ)))
  const { cachedTokens } = await resultOf(ask('What is far away?'))
  assert.ok(cachedTokens >= READ, `${cachedTokens} cached tokens`)
  session.dispose()
})

test('does not take over what a later call has dropped', async ({ model }) => {
  const session = await began(model)
  const reading = session.forward(PROMPT, abortingAt(READ))
  const next = session.forward([5, 6, 7])
  await aborted(reading)
  const { logits } = await next
  assert.is(session.truncateToCommon([...BEFORE, 5, 6, 7, 8]), BEFORE.length + 3)
  assert.is(session.truncateToCommon([...BEFORE, ...PROMPT]), BEFORE.length)
  sameBits(logits, (await (await began(model)).forward([5, 6, 7])).logits)
  session.dispose()
})

test.run()
