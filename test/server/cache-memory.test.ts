import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { MemoryStats, ModelInfo } from '#molm/index.js'
import { LIMITS } from '#molm/server/common/limits.js'
import { CacheMemory } from '#molm/server/run/cache-memory.js'

/* How often the server reads the free memory. test/server/prefix-cache.test.ts has the consequences. */
const test = suite('memory of caches')

const MIB = 2 ** 20

/** A clock and a memory that counts its readings; a token in a cache takes a KiB. */
async function counted(free: number) {
  const state = { free, readings: 0, now: 0 }
  const stats = { cacheTokenBytes: 1024, cacheSequenceBytes: 0, weightsBytes: 0, budgetBytes: 0 } as MemoryStats
  const available = () => {
    state.readings++
    return state.free
  }
  const process = { available, used: () => 0 }
  const model = { stats: async () => stats, info: { bytes: 0 } as ModelInfo }
  const memory = new CacheMemory(model, process, LIMITS, () => state.now)
  await memory.ready()
  state.readings = 0
  return { memory, state }
}

test('a reading is used for a while, but an old one refuses nothing', async () => {
  const { memory, state } = await counted(32 * MIB + 1_000 * 1024)
  for (let i = 0; i < 50; i++) assert.is(memory.tokensFor(i), 1_000)
  assert.is(state.readings, 1)
  // Memory that caches have taken since that reading was free at it, and is not counted twice.
  memory.note(600)
  state.free -= 600 * 1024
  assert.is(memory.tokensFor(700), 1_000)
  state.free += 500 * 1024
  assert.is(memory.tokensFor(1_000), 1_000)
  assert.is(memory.tokensFor(1_001), 1_500)
  assert.is(state.readings, 2)
  state.free = 32 * MIB
  assert.is(memory.tokensFor(1), 1_500)
  state.now += 101
  assert.is(memory.tokensFor(1), 600)
  assert.is(state.readings, 3)
})

test.run()
