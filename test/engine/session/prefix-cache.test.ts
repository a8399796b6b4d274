import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { HeldSession } from '#molm/engine/session/shared/held-session.js'
import type { SessionMask } from '#molm/engine/session/shared/nearest-session.js'
import { PrefixCache } from '#molm/engine/session/shared/prefix-cache.js'
import { NoMemory } from '#molm/ground/errors.js'
import type { MemoryStats, ModelInfo, Session } from '#molm/index.js'
import { LIMITS } from '#molm/server/common/limits.js'
import { CacheMemory } from '#molm/server/run/cache-memory.js'
import { Memory } from '#molm/server/run/memory.js'
import { thrownBy } from '../../support/rejects.js'

const test = suite('the prefix cache')

/** Makes sessions that only have tokens; `live` has the sessions that are not disposed. */
function factory() {
  const live = new Set<FakeSession>()
  class FakeSession {
    tokens: number[] = []
    /** Tokens that a stopped request has read. */
    resting: number[] = []
    constructor() {
      live.add(this)
    }
    get length() {
      return this.tokens.length
    }
    truncate(length: number) {
      this.tokens = this.tokens.slice(0, length)
    }
    truncateToCommon(_prompt: number[]) {
      this.tokens = [...this.tokens, ...this.resting]
    }
    async fork({ length }: { length: number }) {
      const fork = new FakeSession()
      fork.tokens = this.tokens.slice(0, length)
      return fork
    }
    dispose() {
      live.delete(this)
    }
  }
  return { live, createSession: () => new FakeSession() as unknown as Session }
}

/** Takes a session for a prompt, which must succeed. */
function take(cache: PrefixCache, prompt: number[], runAll: boolean, mask?: SessionMask): HeldSession {
  const held = cache.take(prompt, prompt.length, { runAll, mask })
  assert.ok(held)
  return held as HeldSession
}

/** Gives a session back with other tokens in it. */
function give(cache: PrefixCache, held: HeldSession, tokens: number[]) {
  Object.assign(held.session, { tokens: [...tokens] })
  cache.give(held)
}

function used(cache: PrefixCache, tokens: number[]) {
  const held = take(cache, tokens, true)
  give(cache, held, tokens)
}

test('a prompt gets the session with the longest common beginning, cut to that, and at least one token is left to run', () => {
  const cache = new PrefixCache(factory(), { keptSequences: 4, keptTokens: 100 })
  used(cache, [1, 2, 3, 4])
  used(cache, [1, 2, 9])
  const held = take(cache, [1, 2, 3, 7], false)
  assert.is(held.cached, 3)
  assert.is(held.session.length, 3)
  assert.equal(held.session.tokens, [1, 2, 3])
  assert.is(take(cache, [1, 2, 9], false).cached, 2)
  assert.is(take(cache, [1], false).cached, 0)
})

test('a session is only taken again with the same mask', () => {
  const cache = new PrefixCache(factory(), { keptSequences: 4, keptTokens: 100 })
  const mask = (key: string) => ({ key, mask: { gates: 'kept' } }) as SessionMask
  give(cache, take(cache, [1, 2, 3], true, mask('0:mlp:1')), [1, 2, 3])
  assert.is(take(cache, [1, 2, 3, 4], false).cached, 0)
  assert.is(take(cache, [1, 2, 3, 4], false, mask('0:mlp:2')).cached, 0)
  assert.is(cache.cachedOf([1, 2, 3, 4]), 0)
  assert.is(take(cache, [1, 2, 3, 4], false, mask('0:mlp:1')).cached, 3)
  used(cache, [5, 6, 7])
  assert.is(take(cache, [5, 6, 7, 8], false, mask('0:mlp:1')).cached, 0)
  assert.is(take(cache, [5, 6, 7, 8], false).cached, 3)
})

test('alternating conversations keep a session each, even with the same beginning', () => {
  const cache = new PrefixCache(factory(), { keptSequences: 4, keptTokens: 100 })
  const [a, b] = [
    [0, 0, 1, 1, 1, 1],
    [0, 0, 2, 2, 2, 2],
  ]
  for (const [turn, cached] of [0, 7, 8].entries()) {
    for (const tokens of [a, b]) {
      const held = take(cache, [...tokens, 9], false)
      assert.is(held.cached, cached, `turn ${turn}`)
      tokens.push(9)
      give(cache, held, tokens)
    }
  }
  // A conversation with an edited last message has most in common with itself.
  const edited = take(cache, [0, 0, 1, 1, 1, 1, 8, 8], false)
  assert.is(edited.cached, 6)
})

test('of several sessions with as much in common, the one that loses least is taken', () => {
  const cache = new PrefixCache(factory(), { keptSequences: 4, keptTokens: 100 })
  used(cache, [1, 2, 3, 4, 5])
  used(cache, [1, 2, 3, 6])
  used(cache, [1, 2, 3, 7, 8])
  take(cache, [1, 2, 3, 9, 9], false)
  assert.is(cache.cachedOf([1, 2, 3, 4, 5, 6]), 5)
  assert.is(cache.cachedOf([1, 2, 3, 7, 8, 6]), 5)
})

/** Memory of a process, enough for `tokens` in caches at first; a token has a KiB. */
async function memoryFor(tokens: number, sequenceBytes = 0) {
  const process = { free: 32 * 2 ** 20 + tokens * 1024, used: 0 }
  const stats = {
    cacheTokenBytes: 1024,
    cacheSequenceBytes: sequenceBytes,
    weightsBytes: 0,
    budgetBytes: 0,
  } as MemoryStats
  const model = { stats: async () => stats, info: { bytes: 0 } as ModelInfo }
  const reading = { available: () => process.free, used: () => process.used }
  let clock = 0
  const memory: CacheMemory = new CacheMemory(
    model,
    new Memory(LIMITS, reading, () => [memory.taken]),
    () => (clock += 1_000),
  )
  await memory.ready()
  return { memory, process }
}

test('without memory a sequence takes memory of sessions at rest, waits for others, or is refused', async () => {
  const { memory } = await memoryFor(100)
  const { live, createSession } = factory()
  const cache = new PrefixCache({ createSession }, { keptSequences: 9, keptTokens: 1000 }, memory)
  used(cache, new Array(30).fill(1))
  used(cache, new Array(30).fill(2))
  const large = cache.take([3], 140, { runAll: true })
  assert.ok(large)
  assert.equal(cache.kept, { sequences: 0, tokens: 0 })
  assert.is(cache.take([4], 50, { runAll: true }), undefined)
  assert.throws(() => cache.extend(large as HeldSession, 161), /memory for 161 tokens; there is enough for 160/)
  cache.extend(large as HeldSession, 160)
  cache.give(large as HeldSession)
  assert.is(cache.take([4], 50, { runAll: true, spare: 111 }), undefined, 'what is to be left for others')
  assert.ok(cache.take([4], 50, { runAll: true, spare: 110 }))
  assert.throws(
    () => cache.take([4], 1_000, { runAll: true }),
    (error: unknown) => error instanceof NoMemory && /need memory for 1000 tokens/.test(error.message),
  )
  assert.is(live.size, 1)
})

test('a sequence with running states takes memory for them, too', async () => {
  const { memory } = await memoryFor(100, 20 * 1024)
  const { createSession } = factory()
  const cache = new PrefixCache({ createSession }, { keptSequences: 9, keptTokens: 1000 }, memory)
  assert.is(memory.sequenceTokens, 20)
  assert.throws(() => cache.take([3], 81, { runAll: true }), /memory for 81 tokens; there is enough for 80/)
  assert.ok(cache.take([3], 30, { runAll: true }))
  assert.is(cache.take([4], 31, { runAll: true }), undefined)
  assert.ok(cache.take([4], 30, { runAll: true }))
})

test('caches do not get memory that others have taken, and may reuse their own', async () => {
  const { memory, process } = await memoryFor(1_000)
  assert.is(memory.tokensFor(0), 1_000)
  memory.note(600)
  process.free -= 600 * 1024
  process.used += 600 * 1024
  assert.is(memory.tokensFor(0), 1_000)
  // That much had been left free for requests.
  process.free -= 10 * 2 ** 20
  process.used += 10 * 2 ** 20
  assert.is(memory.tokensFor(0), 1_000)
  process.free = 0
  assert.is(memory.tokensFor(0), 600)
})

test('a prompt that has to be run whole gets a new session', () => {
  const cache = new PrefixCache(factory(), { keptSequences: 4, keptTokens: 100 })
  used(cache, [1, 2, 3])
  assert.is(take(cache, [1, 2, 3], true).cached, 0)
  assert.is(cache.kept.sequences, 1)
})

test('no more sessions are kept than the limits allow, the least recently used go first, and empty ones are not kept', () => {
  const { live, createSession } = factory()
  const cache = new PrefixCache({ createSession }, { keptSequences: 2, keptTokens: 10 })
  used(cache, [1, 1])
  used(cache, [2, 2])
  used(cache, [3, 3])
  assert.equal(cache.kept, { sequences: 2, tokens: 4 })
  assert.is(take(cache, [1, 1, 1], false).cached, 0)
  used(cache, [4, 4, 4, 4, 4, 4, 4, 4, 4])
  assert.equal(cache.kept, { sequences: 1, tokens: 9 })
  cache.give(take(cache, [], true))
  assert.is(cache.kept.sequences, 1)
  assert.ok(cache.drop())
  assert.not.ok(cache.drop())
  // The one that was taken and is still in use.
  assert.is(live.size, 1)
})

const DOCUMENT = Array.from({ length: 100 }, (_, i) => i)

test('a prompt shares the beginning of one that is being read, once it has been read', async () => {
  const { live, createSession } = factory()
  const cache = new PrefixCache({ createSession }, { keptSequences: 4, keptTokens: 1000 })
  const first = take(cache, [...DOCUMENT, 1], false)
  assert.is(cache.cachedOf([...DOCUMENT, 2]), 0, 'nothing has been read yet')
  const second = take(cache, [...DOCUMENT, 2], false)
  assert.is(second.cached, 0)
  const sharing = cache.share(second)
  Object.assign(first.session, { tokens: [...DOCUMENT, 1] })
  first.read = 99
  first.read = 100
  assert.is(cache.cachedOf([...DOCUMENT, 2]), 100)
  await sharing
  assert.is(second.cached, 100)
  assert.equal(second.session.tokens, DOCUMENT)
  assert.is(live.size, 2)
})

test('a conversation at rest keeps its place, and a prompt shares its system text', async () => {
  const cache = new PrefixCache(factory(), { keptSequences: 4, keptTokens: 1000 })
  used(cache, [...DOCUMENT, ...DOCUMENT, 7])
  const held = take(cache, [...DOCUMENT, 5, 5], false)
  await cache.share(held)
  assert.is(held.cached, 100)
  assert.is(cache.kept.sequences, 1)
  give(cache, held, [...DOCUMENT, 5, 5, 5])
  assert.equal(cache.kept, { sequences: 2, tokens: 201 + 103 - 96 }, 'full pages count once')
})

test('if a reader fails, the next one reads, and later ones wait for that', async () => {
  const cache = new PrefixCache(factory(), { keptSequences: 4, keptTokens: 1000 })
  const [first, second, third] = [1, 2, 3].map((end) => take(cache, [...DOCUMENT, end], false))
  const sharing = [second, third].map((held) => cache.share(held))
  cache.give(first)
  await sharing[0]
  assert.is(second.cached, 0)
  Object.assign(second.session, { tokens: [...DOCUMENT, 2] })
  second.read = 101
  await sharing[1]
  assert.is(third.cached, 100)
})

test('what a stopped reader has read stays: the next one continues there, and later ones wait for that', async () => {
  const cache = new PrefixCache(factory(), { keptSequences: 4, keptTokens: 1000 })
  const [first, second, third] = [1, 2, 3].map((end) => take(cache, [...DOCUMENT, end], false))
  const sharing = [second, third].map((held) => cache.share(held))
  first.read = 20
  Object.assign(first.session, { resting: DOCUMENT.slice(0, 30) })
  cache.give(first)
  assert.equal(cache.kept, { sequences: 1, tokens: 30 })
  await sharing[0]
  assert.is(second.cached, 30)
  Object.assign(second.session, { tokens: [...DOCUMENT, 2] })
  second.read = 101
  await sharing[1]
  assert.is(third.cached, 100)
})

test('an aborted request does not wait for another one', async () => {
  const cache = new PrefixCache(factory(), { keptSequences: 4, keptTokens: 1000 })
  take(cache, [...DOCUMENT, 1], false)
  const controller = new AbortController()
  const sharing = cache.share(take(cache, [...DOCUMENT, 2], false), undefined, controller.signal)
  controller.abort(new Error('left'))
  assert.match(String(await thrownBy(sharing)), /left/)
})

test('a shared beginning takes memory once', async () => {
  const { memory } = await memoryFor(300)
  const cache = new PrefixCache(factory(), { keptSequences: 9, keptTokens: 1000 }, memory)
  const takeOf = (end: number) => cache.take([...DOCUMENT, end], 150, { runAll: false })
  assert.ok(takeOf(1))
  assert.ok(takeOf(2))
  assert.ok(takeOf(3), '150 + 54 + 54 tokens')
  assert.is(takeOf(4), undefined)
  assert.is(cache.take([...DOCUMENT, 3], 50, { runAll: true }), undefined, 'a prompt that is read whole shares nothing')
})

test.run()
