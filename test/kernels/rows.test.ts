import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Matmul } from '#molm/kernels/calls/matmul.js'
import { recordBytes } from '#molm/kernels/memory/formats.js'
import { Rows } from '#molm/kernels/memory/rows.js'
import { bankOf } from '../support/kernel-bench.js'

const test = suite('rows of activations')

test('a row is its columns without the padding', () => {
  const rows = Rows.allocate(bankOf('plain'), 3, 33)
  assert.is(rows.stride, 64)
  for (let r = 0; r < 3; r++) rows.row(r).fill(r + 1)
  assert.is(rows.row(1).length, 33)
  const { bank, address, strideBytes } = rows
  assert.is(bank.f32[(address + strideBytes) / 4], 2)
  assert.is(bank.f32[(address + 2 * strideBytes) / 4 - 1], 0)
})

test('a slice shares floats and records with its rows', () => {
  const rows = Rows.allocate(bankOf('plain'), 5, 40, { records: true })
  const slice = rows.slice(2, 3)
  slice.row(1)[39] = 7
  assert.is(rows.row(3)[39], 7)
  assert.is(slice.count, 3)
  assert.is(slice.records, rows.records + 2 * recordBytes(40))
})

test('rows without records, and their slices, cannot be read by a quantised product', () => {
  const bank = bankOf('plain')
  const [input, output] = [Rows.allocate(bank, 2, 32), Rows.allocate(bank, 2, 8)]
  assert.not(input.hasRecords)
  assert.not(input.slice(1, 1).hasRecords)
  assert.throws(() => new Matmul(bank, { format: 'q8', input, output }, 1), /no records/)
  new Matmul(bank, { format: 'f32', input, output }, 1)
})

test.run()
