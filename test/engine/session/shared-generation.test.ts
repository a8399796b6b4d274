import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { PrefixCache } from '#molm/engine/session/shared/prefix-cache.js'
import { generateShared } from '#molm/engine/session/shared/shared-generation.js'
import { NoRoom } from '#molm/ground/errors.js'
import {
  type GenerateOptions,
  type GenerationResult,
  type Model,
  resultOf,
  type Session,
  type Step,
} from '#molm/index.js'
import { withModel } from '../../support/models.js'
import { integers } from '../../support/random.js'
import { thrownBy } from '../../support/rejects.js'

const test = suite('prompts that share sessions')

const SYSTEM = integers(300, 1, 400)
const QUESTIONS = Array.from({ length: 5 }, (_, i) => integers(6 + i, 20 + i, 400))
const ANSWER = 8
const OPTIONS = { maxTokens: ANSWER, temperature: 0, ignoreEos: true, stop: [], promptLookupNumTokens: 0 }
const KEPT = { keptSequences: 1, keptTokens: Infinity }

const tokensOf = async (steps: AsyncGenerator<Step, GenerationResult>) => (await resultOf(steps)).tokens

async function answers(model: Model, parallel: number) {
  const cache = new PrefixCache(model, KEPT)
  const before = (await model.stats()).tokensProcessed
  const found: number[][] = []
  let shared = 0
  const run = async (question: number[]) => {
    const generation = generateShared(cache, [...SYSTEM, ...question], OPTIONS)
    found.push(await tokensOf(generation.steps))
    shared += generation.cachedTokens
  }
  for (let i = 0; i < QUESTIONS.length; i += parallel) {
    await Promise.all(QUESTIONS.slice(i, i + parallel).map(run))
  }
  const read = (await model.stats()).tokensProcessed - before
  assert.is(shared, (QUESTIONS.length - 1) * SYSTEM.length)
  cache.drop()
  assert.is((await model.stats()).cacheBytes, 0)
  return { found: found.sort(), read }
}

test('read their common beginning once, one after the other or together, and answer as they do alone', () =>
  withModel('nano', {}, async (model) => {
    const expected: number[][] = []
    for (const question of QUESTIONS) {
      const session = model.createSession()
      expected.push(await tokensOf(session.generate([...SYSTEM, ...question], OPTIONS)))
      session.dispose()
    }
    const once = QUESTIONS.reduce((sum, { length }) => sum + length + ANSWER - 1, SYSTEM.length)
    for (const parallel of [1, 5]) assert.equal(await answers(model, parallel), { found: expected.sort(), read: once })
  }))

test('run again without the session that is kept if there is no memory, once', () =>
  withModel('nano', {}, async (model) => {
    let fails = 0
    const createSession = (): Session => {
      const session = model.createSession()
      const { generate } = session
      session.generate = (prompt, options?: GenerateOptions) => {
        if (fails-- > 0) throw new NoRoom('no room', { held: 0, more: 1 })
        return generate.call(session, prompt, options)
      }
      return session
    }
    const cache = new PrefixCache({ createSession }, KEPT)
    const run = (prompt: number[]) => tokensOf(generateShared(cache, prompt, OPTIONS).steps)
    const expected = await run(SYSTEM)
    await run(QUESTIONS[0])
    fails = 1
    assert.equal(await run(SYSTEM), expected)
    fails = 2
    assert.instance(await thrownBy(run(QUESTIONS[0])), NoRoom)
    cache.drop()
    assert.is((await model.stats()).cacheBytes, 0)
  }))

test.run()
