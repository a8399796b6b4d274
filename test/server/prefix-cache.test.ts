import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { MemoryStats, ModelInfo, Session } from '#molm/index.js'
import type { ApiError } from '#molm/server/http/errors.js'
import { LIMITS } from '#molm/server/http/limits.js'
import { CacheMemory } from '#molm/server/run/cache-memory.js'
import { type HeldSession, Sessions } from '#molm/server/run/prefix-cache.js'

const test = suite('kept sessions')

/** A session of so many tokens, which counts who lives. */
function factory() {
  const live = new Set<FakeSession>()
  class FakeSession {
    constructor(public length = 0) {
      live.add(this)
    }
    truncate(length: number) {
      this.length = Math.min(this.length, length)
    }
    dispose() {
      live.delete(this)
    }
  }
  return { live, createSession: () => new FakeSession() as unknown as Session }
}

/** Memory without a limit. */
const ENDLESS = new CacheMemory({ stats: async () => ({}) as MemoryStats, info: {} as ModelInfo })

/** A session with room for a prompt, which must be there. */
function take(sessions: Sessions, prompt: number[], runAll: boolean): HeldSession {
  const held = sessions.take(prompt, prompt.length, runAll)
  assert.ok(held)
  return held as HeldSession
}

function used(sessions: Sessions, tokens: number[]) {
  const held = take(sessions, tokens, true)
  Object.assign(held.session, { length: tokens.length })
  held.tokens.push(...tokens)
  sessions.give(held)
}

test('a prompt gets the session that begins most like it, cut to that, and one token is left to run', () => {
  const sessions = new Sessions(factory(), { keptSequences: 4, keptTokens: 100 }, ENDLESS)
  used(sessions, [1, 2, 3, 4])
  used(sessions, [1, 2, 9])
  const held = take(sessions, [1, 2, 3, 7], false)
  assert.is(held.cached, 3)
  assert.is(held.session.length, 3)
  assert.equal(held.tokens, [1, 2, 3])
  assert.is(take(sessions, [1, 2, 9], false).cached, 2)
  assert.is(take(sessions, [1], false).cached, 0)
})

test('conversations that take turns keep a session each, though they begin alike', () => {
  const sessions = new Sessions(factory(), { keptSequences: 4, keptTokens: 100 }, ENDLESS)
  const [a, b] = [
    [0, 0, 1, 1, 1, 1],
    [0, 0, 2, 2, 2, 2],
  ]
  for (const [turn, cached] of [0, 7, 8].entries()) {
    for (const tokens of [a, b]) {
      const held = take(sessions, [...tokens, 9], false)
      assert.is(held.cached, cached, `turn ${turn}`)
      tokens.push(9)
      Object.assign(held.session, { length: tokens.length })
      held.tokens.splice(0, held.tokens.length, ...tokens)
      sessions.give(held)
    }
  }
  // An edited last message has most in common with its own conversation.
  const edited = take(sessions, [0, 0, 1, 1, 1, 1, 8, 8], false)
  assert.is(edited.cached, 6)
})

test('of several sessions with as much in common the one that loses least is taken', () => {
  const sessions = new Sessions(factory(), { keptSequences: 4, keptTokens: 100 }, ENDLESS)
  used(sessions, [1, 2, 3, 4, 5])
  used(sessions, [1, 2, 3, 6])
  used(sessions, [1, 2, 3, 7, 8])
  take(sessions, [1, 2, 3, 9, 9], false)
  assert.is(sessions.cachedOf([1, 2, 3, 4, 5, 6]), 5)
  assert.is(sessions.cachedOf([1, 2, 3, 7, 8, 6]), 5)
})

/** Memory of a process of which caches may have `tokens` in the beginning; a token has a KiB. */
async function memoryFor(tokens: number) {
  const process = { free: 32 * 2 ** 20 + tokens * 1024, used: 0 }
  const stats = { cacheTokenBytes: 1024, weightsBytes: 0, budgetBytes: 0 } as MemoryStats
  const model = { stats: async () => stats, info: { bytes: 0 } as ModelInfo }
  const reading = { available: () => process.free, used: () => process.used }
  let clock = 0
  const memory = new CacheMemory(model, reading, LIMITS, () => (clock += 1_000))
  await memory.ready()
  return { memory, process }
}

test('without memory a sequence waits for others, takes that of sessions at rest, or is refused', async () => {
  const { memory } = await memoryFor(100)
  const { live, createSession } = factory()
  const sessions = new Sessions({ createSession }, { keptSequences: 9, keptTokens: 1000 }, memory)
  used(sessions, new Array(30).fill(1))
  used(sessions, new Array(30).fill(2))
  const large = sessions.take([3], 140, true)
  assert.ok(large)
  assert.equal(sessions.kept, { sequences: 0, tokens: 0 })
  assert.is(sessions.take([4], 50, true), undefined)
  assert.throws(() => sessions.extend(large as HeldSession, 161), /memory for 161 tokens; there is enough for 160/)
  sessions.extend(large as HeldSession, 160)
  sessions.give(large as HeldSession)
  assert.is(sessions.take([4], 50, true, 111), undefined, 'what is to be left for others')
  assert.ok(sessions.take([4], 50, true, 110))
  assert.throws(
    () => sessions.take([4], 1_000, true),
    (error: ApiError) => error.status === 503 && /need memory for 1000 tokens/.test(error.message),
  )
  assert.is(live.size, 1)
})

test('memory that others have taken is not given to caches, and what caches had they may have again', async () => {
  const { memory, process } = await memoryFor(1_000)
  assert.is(memory.tokensFor(0), 1_000)
  memory.note(600)
  process.free -= 600 * 1024
  process.used += 600 * 1024
  assert.is(memory.tokensFor(0), 1_000)
  // Of what requests take, as much was left free for them.
  process.free -= 10 * 2 ** 20
  process.used += 10 * 2 ** 20
  assert.is(memory.tokensFor(0), 1_000)
  process.free = 0
  assert.is(memory.tokensFor(0), 600)
})

test('a prompt that is to be run whole gets a new one', () => {
  const sessions = new Sessions(factory(), { keptSequences: 4, keptTokens: 100 }, ENDLESS)
  used(sessions, [1, 2, 3])
  assert.is(take(sessions, [1, 2, 3], true).cached, 0)
  assert.is(sessions.kept.sequences, 1)
})

test('no more are kept than may be, those used longest ago go first, and none that is empty or unknown', () => {
  const { live, createSession } = factory()
  const sessions = new Sessions({ createSession }, { keptSequences: 2, keptTokens: 10 }, ENDLESS)
  used(sessions, [1, 1])
  used(sessions, [2, 2])
  used(sessions, [3, 3])
  assert.equal(sessions.kept, { sequences: 2, tokens: 4 })
  assert.is(take(sessions, [1, 1, 1], false).cached, 0)
  used(sessions, [4, 4, 4, 4, 4, 4, 4, 4, 4])
  assert.equal(sessions.kept, { sequences: 1, tokens: 9 })
  sessions.give(take(sessions, [], true))
  const unknown = take(sessions, [], true)
  Object.assign(unknown.session, { length: 3 })
  sessions.give(unknown)
  assert.is(sessions.kept.sequences, 1)
  assert.ok(sessions.drop())
  assert.not.ok(sessions.drop())
  // The one that was taken and not given back.
  assert.is(live.size, 1)
})

test.run()
