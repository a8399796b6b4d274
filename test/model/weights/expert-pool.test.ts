import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ExpertPool } from '#molm/model/weights/expert-pool.js'
import { claimWanted, markHeld } from '#molm/model/weights/residency.js'
import { tuples } from '../../support/combinations.js'
import { bankOf } from '../../support/kernel-bench.js'

const test = suite('the pool of experts')

const BYTES = 128

/** A pool of four of twelve experts of one layer. Notes which ones it reads; each is its id + 1 throughout. */
function benchOf(fail = () => {}) {
  const bank = bankOf('plain')
  const read: number[] = []
  const sizes = Array(12).fill(BYTES)
  const pool = new ExpertPool(bank, sizes, { capacity: 4, experts: 12, layers: 1 }, (id, target) => {
    fail()
    read.push(id)
    target.fill(id + 1)
  })
  /** Checks that experts are in the memory, at places of their own. */
  const hold = (ids: number[]) => {
    assert.is(new Set(ids.map((id) => pool.at(id))).size, ids.length, 'places of their own')
    for (const id of ids) {
      const place = pool.at(id)
      assert.equal([...bank.u8.subarray(place, place + BYTES)], new Array(BYTES).fill(id + 1), `expert ${id}`)
    }
  }
  /** Reads a wanted expert, as the other thread does. */
  const help = (id: number) => {
    if (!claimWanted(pool.residency, id)) return false
    bank.u8.fill(id + 1, pool.address[id], pool.address[id] + BYTES)
    markHeld(pool.residency, id)
    return true
  }
  return { bank, read, pool, hold, help }
}

test('experts that cannot be read leave their places to others, and no other memory is written', () => {
  let broken = false
  const { bank, pool, hold } = benchOf(() => {
    if (broken) throw new Error('the disk is gone')
  })
  const require = (ids: number[]) => pool.require(0, Int32Array.from(ids), ids.length, () => undefined)
  require([0, 1, 2, 3])
  const below = bank.u8.slice(0, 65536)
  broken = true
  for (const ids of [[4, 5, 6, 7], [8, 9], [10, 11, 0, 1], [4], [5], [6], [7]]) {
    assert.throws(() => require(ids), /disk is gone/)
  }
  broken = false
  for (const ids of tuples('4x5x6x7 8x9x10x11 0x5x10x3')) {
    require(ids)
    hold(ids)
  }
  assert.is(pool.heldBytes / BYTES, 4)
  assert.equal(bank.u8.slice(0, 65536), below, 'the memory below the arena')
})

test('another thread may read requested experts before they are required', () => {
  const { read, pool, hold, help } = benchOf()
  const use = (ids: number[], helped: number[]) => {
    const list = Int32Array.from(ids)
    pool.request(0, list, ids.length, () => helped.forEach(help))
    pool.require(0, list, ids.length, () => undefined)
    hold(ids)
  }
  use([0, 1, 2, 3], [1, 3])
  assert.equal(read, [0, 2])
  use([2, 3, 4, 5], [4])
  assert.equal(read, [0, 2, 5])
  assert.equal([pool.hits, pool.misses, pool.bytesRead], [2, 6, 6 * BYTES])
  // A batch that fails leaves wanted experts behind; their places go to others.
  pool.request(0, Int32Array.of(6, 7, 8, 9), 4, () => undefined)
  use([0, 1, 2, 3], [])
  use([8, 9, 10, 11], [11])
  assert.is(pool.heldBytes / BYTES, 4)
})

test('another thread may read some of several missing experts, which get places for it', () => {
  const { read, pool, hold, help } = benchOf()
  const require = (ids: number[], helped: number[]) => {
    let calls = 0
    pool.require(0, Int32Array.from(ids), ids.length, () => {
      calls++
      for (const id of helped) assert.ok(help(id))
    })
    hold(ids)
    return calls
  }
  assert.is(require([0, 1, 2, 3], [2, 3]), 1)
  assert.is(require([0, 1, 4, 5], [5]), 1)
  assert.is(require([0, 1, 4, 6], []), 0, 'one is missing')
  assert.equal(read, [0, 1, 4, 6])
  assert.equal([pool.hits, pool.misses, pool.bytesRead], [5, 7, 7 * BYTES])
})

test('the expert used least lately makes room, and of equal ones the one used longest ago', () => {
  const bank = bankOf('plain')
  const read: number[] = []
  // Two layers of four experts.
  const pool = new ExpertPool(bank, Array(8).fill(BYTES), { capacity: 4, experts: 8, layers: 2 }, (id) => read.push(id))
  const pass = (first: number[], second: number[]) => {
    pool.require(0, Int32Array.from(first), first.length, () => undefined)
    pool.require(4, Int32Array.from(second), second.length, () => undefined)
  }
  /** Experts that passes read, each with uses of the same ids in both layers. */
  const reads = (...uses: number[][]) => {
    read.length = 0
    for (const ids of uses) pass(ids, ids)
    return [...read]
  }
  assert.equal(reads([0], [0], [0]), [0, 4])
  // A pass of four other experts: layer 0's are the least used, and make room for layer 1's.
  assert.equal(reads([1, 2]), [1, 2, 5, 6])
  assert.equal(reads([0]), [])
  // Uses of long ago count less: after some passes with others, the once favoured experts are gone.
  for (let i = 0; i < 16; i++) reads([1, 2])
  assert.equal(reads([1, 2]), [])
  assert.equal(reads([0]), [0, 4])
})

test.run()
