import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { SharedPrompts } from '#molm/cli/commands/run/batch/shared-prompts.js'
import { NoRoom } from '#molm/errors.js'
import type { Model } from '#molm/index.js'
import { HeldSession } from '#molm/server/run/held-session.js'
import { withModel } from '../support/models.js'
import { integers } from '../support/random.js'
import { thrownBy } from '../support/rejects.js'

const test = suite('prompts of a batch')

const SYSTEM = integers(300, 1, 400)
const QUESTIONS = Array.from({ length: 5 }, (_, i) => integers(6 + i, 20 + i, 400))
const ANSWER = 8

async function answer({ session, prompt, cached }: HeldSession, held?: HeldSession): Promise<number[]> {
  const tokens: number[] = []
  const onPromptProgress = ({ processed }: { processed: number }) => {
    if (held) held.read = cached + processed
  }
  const options = { maxTokens: ANSWER, temperature: 0, ignoreEos: true, stop: [], onPromptProgress }
  for await (const { token } of session.generate(prompt.slice(cached), options)) tokens.push(token)
  return tokens
}

async function answers(model: Model, parallel: number) {
  const prompts = new SharedPrompts(model)
  const { signal } = new AbortController()
  const before = (await model.stats()).tokensProcessed
  const found: number[][] = []
  for (let i = 0; i < QUESTIONS.length; i += parallel) {
    const some = QUESTIONS.slice(i, i + parallel)
    const run = (held: HeldSession) => answer(held, held)
    found.push(...(await Promise.all(some.map((question) => prompts.with([...SYSTEM, ...question], run, signal)))))
  }
  const read = (await model.stats()).tokensProcessed - before
  const all = QUESTIONS.reduce((sum, { length }) => sum + SYSTEM.length + length, 0)
  assert.equal(prompts.tokens, { all, shared: (QUESTIONS.length - 1) * SYSTEM.length })
  prompts.drop()
  assert.is((await model.stats()).cacheBytes, 0)
  return { found, read }
}

test('read their common beginning once, one after the other or together, and answer as they do alone', () =>
  withModel('nano', {}, async (model) => {
    const expected: number[][] = []
    for (const question of QUESTIONS) {
      const session = model.createSession()
      expected.push(await answer(new HeldSession(session, [...SYSTEM, ...question], 0)))
      session.dispose()
    }
    const once = QUESTIONS.reduce((sum, { length }) => sum + length + ANSWER - 1, SYSTEM.length)
    for (const parallel of [1, 5]) assert.equal(await answers(model, parallel), { found: expected, read: once })
  }))

test('run again without the session that is kept if there is no memory, once', () =>
  withModel('nano', {}, async (model) => {
    const prompts = new SharedPrompts(model)
    const { signal } = new AbortController()
    const noRoom = () => new NoRoom('no room', { held: 0, more: 1 })
    let fails = 0
    const use = async (held: HeldSession) => {
      if (fails-- > 0) throw noRoom()
      return answer(held)
    }
    const prompt = [...SYSTEM, ...QUESTIONS[0]]
    const expected = await prompts.with(prompt, use, signal)
    fails = 1
    assert.equal(await prompts.with(prompt, use, signal), expected)
    fails = 2
    assert.instance(await thrownBy(prompts.with(prompt, use, signal)), NoRoom)
    prompts.drop()
    assert.is((await model.stats()).cacheBytes, 0)
  }))

test.run()
