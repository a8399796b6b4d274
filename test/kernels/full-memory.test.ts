import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Packer } from '#molm/engine/run/packer.js'
import { SOFTMAX_SPAN } from '#molm/kernels/abi/attention.js'
import { SoftmaxAttention } from '#molm/kernels/calls/softmax-attention.js'
import { MemoryFull } from '#molm/kernels/memory/arena.js'
import type { Bank } from '#molm/kernels/memory/bank.js'
import { placePages, placeTokens } from '../support/cache-pages.js'
import { bankOf, emptyRows, matrixRequest, placeRows } from '../support/kernel-bench.js'
import { normalFloats } from '../support/random.js'

const test = suite('a buffer that finds no room to grow')

/** Takes the rest of a memory in one range. Returns a function that reads it again. */
function takeRest(bank: Bank): () => Uint8Array {
  const bytes = bank.arena.room
  const address = bank.arena.allocate(bytes)
  bank.u8.fill(77, address, address + bytes)
  return () => bank.u8.slice(address, address + bytes)
}

/**
 * `work` requests more than a memory has. Checks that a second attempt does not write to ranges that another buffer has
 * taken meanwhile.
 */
function leavesOthersAlone(bank: Bank, work: { little: () => unknown; much: () => unknown }): void {
  work.little()
  bank.arena.allocate(bank.arena.room)
  const isFull = (error: unknown) => error instanceof MemoryFull
  assert.throws(work.much, isFull)
  assert.ok(bank.arena.room > 0, 'the earlier buffer has been released')
  const taken = takeRest(bank)
  assert.throws(work.little, isFull)
  assert.ok(taken().every((byte) => byte === 77))
}

test('attention does not write its sums to an earlier buffer', () => {
  const bank = bankOf('plain')
  const [heads, headSize, most] = [4, 16, 32]
  const positions = SOFTMAX_SPAN + most
  const keys = placePages(bank, normalFloats(positions * headSize, 1), headSize, 'f32', {
    heads: 1,
    isTransposed: true,
  })
  const values = placePages(bank, normalFloats(positions * headSize, 2), headSize, 'f32', {
    heads: 1,
    isTransposed: false,
  })
  const q = placeRows(bank, normalFloats(most * heads * headSize, 3), heads * headSize)
  const output = emptyRows(bank, most, heads * headSize)
  const shape = { q, output, heads, keyValueHeads: 1, headSize, scale: 0.25, format: 'f32' } as const
  const attention = new SoftmaxAttention(bank, shape, 16)
  const places = placeTokens(bank, { tokens: most, position: SOFTMAX_SPAN }, keys, values)
  const attend = (tokens: number) => {
    attention.begin([{ first: 0, count: tokens, position: SOFTMAX_SPAN, oldest: 0 }])
    attention.run(places)
  }
  leavesOthersAlone(bank, {
    little: () => attend(1),
    much: () => attend(most),
  })
})

test('a packer does not pack into an earlier buffer', () => {
  const bank = bankOf('plain')
  const packer = new Packer(bank)
  const packRows = (rows: number) => () => packer.pack(matrixRequest(normalFloats(rows * 64, 4), rows, 64, 'f32'))
  leavesOthersAlone(bank, { little: packRows(32), much: packRows(1024) })
})

test.run()
