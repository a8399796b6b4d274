import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { seededRandom } from '#molm/engine/sampling/random.js'
import { type Arena, MEMORY_LIMIT, MemoryFull } from '#molm/kernels/memory/arena.js'
import { tuples } from '../support/combinations.js'
import { bankOf } from '../support/kernel-bench.js'

const test = suite('the arena of a memory')

const fresh = (): Arena => bankOf('plain').arena

test('gives ranges that are aligned, separate and inside the memory', () => {
  const { memory, arena } = bankOf('plain')
  let end = 0
  for (const bytes of [1, 63, 64, 65, 100_000, 3_000_000, 7]) {
    const address = arena.allocate(bytes)
    assert.is(address % 64, 0)
    assert.ok(address >= end)
    end = address + bytes
    assert.ok(end <= memory.buffer.byteLength)
  }
})

test('reuses a returned range for the same size, and counts the bytes in use', () => {
  const arena = fresh()
  const [a, b] = [arena.allocate(1000), arena.allocate(1000)]
  assert.is(arena.used, 2048)
  arena.release(a, 1000)
  assert.is(arena.used, 1024)
  assert.is.not(arena.allocate(2000), a)
  assert.is(arena.allocate(990), a)
  arena.release(b, 1000)
  assert.is(arena.allocate(1024), b)
})

test('throws if a memory is full, and does not change', () => {
  const arena = fresh()
  const { room, used } = arena
  assert.throws(
    () => arena.allocate(MEMORY_LIMIT),
    (error: unknown) => error instanceof MemoryFull && /4 GiB/.test(error.message),
  )
  assert.is(arena.used, used)
  assert.is(arena.room, room)
  arena.allocate(1000)
  assert.is(arena.room, room - 1024)
})

test('a large free range serves small requests, in order', () => {
  const arena = fresh()
  const large = arena.allocate(64 * 10)
  const behind = arena.allocate(64)
  arena.release(large, 64 * 10)
  const small = Array.from({ length: 10 }, () => arena.allocate(64))
  assert.equal(
    small,
    small.map((_, i) => large + 64 * i),
  )
  assert.ok(arena.allocate(64) > behind)
})

test('free neighbours are one range, whatever the order of their return', () => {
  for (const order of tuples('0x1x2 2x1x0 0x2x1 1x0x2')) {
    const arena = fresh()
    const ranges = [arena.allocate(6400), arena.allocate(64), arena.allocate(128)]
    const behind = arena.allocate(64)
    for (const i of order) arena.release(ranges[i], [6400, 64, 128][i])
    assert.is(arena.allocate(6400 + 64 + 128), ranges[0])
    assert.ok(arena.allocate(64) > behind)
  }
})

test('a memory that was full of small ranges has room for a large one after their return', () => {
  const arena = fresh()
  const half = Math.floor(arena.room / 2 / 64) * 64
  const small = [arena.allocate(half), ...Array.from({ length: 500 }, () => arena.allocate(4096))]
  small.push(arena.allocate(arena.room))
  assert.is(arena.room, 0)
  assert.throws(() => arena.allocate(1), /4 GiB/)
  arena.release(small[0], half)
  for (const address of small.slice(1, -1)) arena.release(address, 4096)
  assert.is(arena.allocate(half + 500 * 4096), small[0])
})

test('ranges in use never overlap, and all memory is returned', () => {
  const arena = fresh()
  const { used, range } = arena
  const random = seededRandom(77)
  const next = (below: number) => Math.floor(random.nextFloat() * below)
  const live: { address: number; bytes: number }[] = []
  for (let round = 0; round < 20_000; round++) {
    if (live.length > 0 && next(100) < (round < 15_000 ? 45 : 70)) {
      const [{ address, bytes }] = live.splice(next(live.length), 1)
      arena.release(address, bytes)
    } else {
      const bytes = 1 + next(next(10) === 0 ? 100_000 : 500)
      live.push({ address: arena.allocate(bytes), bytes })
    }
    if (round % 500 > 0) continue
    live.sort((a, b) => a.address - b.address)
    for (const [i, { address, bytes }] of live.entries()) {
      assert.ok(i + 1 === live.length || address + bytes <= live[i + 1].address, `round ${round}`)
    }
  }
  for (const { address, bytes } of live) arena.release(address, bytes)
  assert.is(arena.used, used)
  assert.equal(arena.range, range)
})

test.run()
