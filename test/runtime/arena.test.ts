import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Arena, MEMORY_LIMIT } from '#molm/runtime/arena.js'
import { bankOf } from '../support/kernel-bench.js'

const test = suite('the arena of a memory')

const fresh = (): Arena => bankOf('plain').arena

test('gives ranges that are aligned, apart from each other, and inside the memory', () => {
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

test('gives a returned range out again for the same size, and counts what is out', () => {
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

test('says so when a memory is full', () => {
  assert.throws(() => fresh().allocate(MEMORY_LIMIT), /4 GiB/)
})

test.run()
