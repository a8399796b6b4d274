import * as assert from 'uvu/assert'
import { Packer } from '#molm/engine/run/packer.js'
import { allocateGroups, allocateList, writeGroup, writeListEntry } from '#molm/kernels/calls/groups.js'
import { Bank } from '#molm/kernels/memory/bank.js'
import { padded, recordBytes } from '#molm/kernels/memory/formats.js'
import { Rows } from '#molm/kernels/memory/rows.js'
import { Pool } from '#molm/kernels/threads/pool.js'
import { compileTier, TIERS, type Tier } from '#molm/kernels/tiers/choose-kernels.js'
import { isMxfp4 } from '#molm/model/packing/format/formats.js'
import type { PackRequest } from '#molm/model/packing/write/pack.js'
import { sameBits } from './compare.js'
import { mxfp4Request, toMxfp4 } from './mxfp4.js'

export { TIERS }

const modules = new Map(TIERS.map((tier) => [tier, compileTier(tier)]))

/** A new bank with the kernels of a tier. */
export function bankOf(tier: Tier): Bank {
  const module = modules.get(tier)
  if (!module) throw new Error(`no kernels of tier ${tier}`)
  return new Bank(module)
}

/** Copies numbers into a bank and returns their address. */
export function place(bank: Bank, values: Float32Array | Uint32Array | Uint8Array): number {
  const address = bank.arena.allocate(values.byteLength)
  bank.u8.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), address)
  return address
}

/** Rows of `columns` floats, each padded with zeros; with records if `records` is set. */
export function placeRows(bank: Bank, values: Float32Array, columns: number, { records = false } = {}): Rows {
  const count = values.length / columns
  const rows = Rows.allocate(bank, count, columns, { records })
  for (let r = 0; r < count; r++) rows.row(r).set(values.subarray(r * columns, (r + 1) * columns))
  return rows
}

/** Rows of inputs, padded with zeros, with records of their quantised values. */
export function placeInputs(bank: Bank, values: Float32Array, columns: number): Rows {
  const rows = placeRows(bank, values, columns, { records: true })
  for (let n = 0; n < rows.count; n++) {
    const { record } = quantise(values.subarray(n * columns, (n + 1) * columns))
    bank.u8.set(record, rows.records + n * rows.recordBytes)
  }
  return rows
}

/** Rows for a kernel to fill. Floats that it does not write, padding included, keep `value`. Records are zero. */
export function emptyRows(bank: Bank, count: number, columns: number, value = 9): Rows {
  return clearRows(Rows.allocate(bank, count, columns, { records: true }), value)
}

/** Fills floats, padding included, with `value`, and records with zeros. */
export function clearRows(rows: Rows, value = 9): Rows {
  const { bank, address, count, stride } = rows
  bank.f32.fill(value, address / 4, address / 4 + count * stride)
  if (rows.hasRecords) bank.u8.fill(0, rows.records, rows.records + count * rows.recordBytes)
  return rows
}

/** A group of a product: a matrix, a bias or none, and the rows that it reads and writes. */
export interface Group {
  weights: number
  bias?: number
  rows: [from: number, to: number][]
}

/** Table of a grouped product. */
export function placeGroups(bank: Bank, groups: Group[]): number {
  const table = allocateGroups(bank, groups.length)
  for (const [g, { weights, bias = 0, rows }] of groups.entries()) {
    const list = allocateList(bank, rows.length)
    for (const [i, [from, to]] of rows.entries()) writeListEntry(bank, list, i, from, to)
    writeGroup(bank, table, g, weights, bias, list, rows.length)
  }
  return table
}

/** Table of a product of one matrix with `count` rows. */
export function oneGroup(bank: Bank, weights: number, count: number, bias = 0): number {
  return placeGroups(bank, [{ weights, bias, rows: Array.from({ length: count }, (_, n) => [n, n]) }])
}

/** Copy of the floats of rows, with padding. */
export function floatsOf({ bank, address, count, stride }: Rows): Float32Array {
  return floatsAt(bank, address, count * stride)
}

/** Copy of the records of rows; nothing if they have none. */
export function recordsOf(rows: Rows): Uint8Array {
  return rows.hasRecords ? bytesAt(rows.bank, rows.records, rows.count * rows.recordBytes) : new Uint8Array()
}

/** Copy of floats in a bank. */
export function floatsAt(bank: Bank, address: number, count: number): Float32Array {
  return bank.f32.slice(address / 4, address / 4 + count)
}

export function bytesAt(bank: Bank, address: number, count: number): Uint8Array {
  return bank.u8.slice(address, address + count)
}

/** Packer's request for a row-major float32 matrix, rounded to MXFP4 if the format is. */
export function matrixRequest(
  weights: Float32Array,
  rows: number,
  cols: number,
  format: PackRequest['format'],
): PackRequest {
  if (isMxfp4(format)) return mxfp4Request(toMxfp4(weights, rows, cols), rows, padded(cols), format)
  const bytes = new Uint8Array(weights.slice().buffer)
  return { bytes, dtype: 'F32', firstElement: 0, rows, cols, rowStride: cols, colStride: 1, kind: 'matrix', format }
}

export function pack(bank: Bank, request: PackRequest): { bytes: Uint8Array; nonFinite: number } {
  return new Packer(bank).pack(request)
}

/** Packs on every tier, checks that all give the same bytes, and returns these. */
export function packEverywhere(request: PackRequest): { bytes: Uint8Array; nonFinite: number } {
  const expected = pack(bankOf('scalar'), request)
  for (const tier of TIERS) {
    const found = pack(bankOf(tier), request)
    assert.ok(Buffer.from(found.bytes).equals(expected.bytes), `${tier} packs other bytes`)
    assert.is(found.nonFinite, expected.nonFinite)
  }
  return expected
}

/** Output of a kernel. */
export interface Outcome {
  output: Float32Array
  records: Uint8Array
}

/**
 * Runs a kernel on all tiers, divided for each number of threads, and checks that every part of the outcome has the same
 * bits. The records must be the outputs' records, of `columns` floats each. Returns the outcome of the scalar kernels.
 */
export function sameOnTiers<T extends Outcome>(
  prepare: (bank: Bank) => (threads: number) => T,
  numbers: readonly number[],
  columns: number,
): T {
  const scalar = prepare(bankOf('scalar'))
  const expected = scalar(1)
  for (const tier of TIERS) {
    const run = tier === 'scalar' ? scalar : prepare(bankOf(tier))
    for (const threads of numbers) {
      const found = run(threads)
      for (const part of Object.keys(expected) as (keyof T)[]) {
        const what = `${tier}, divided for ${threads} threads: ${String(part)}`
        const [a, b] = [found[part], expected[part]]
        if (a instanceof Float32Array && b instanceof Float32Array) sameBits(a, b, what)
        else assert.equal(a, b, what)
      }
    }
  }
  const [stride, size] = [padded(columns), recordBytes(columns)]
  for (let r = 0; r * size < expected.records.length; r++) {
    const { record } = quantise(expected.output.subarray(r * stride, r * stride + columns))
    assert.equal(expected.records.subarray(r * size, (r + 1) * size), record, `record of row ${r}`)
  }
  return expected
}

/**
 * Checks that jobs give the same results with the helpers of a pool of `threads` threads as on one thread. It runs the
 * jobs in turn, divided for 1 to 7 threads but at least `fewest`. It continues for at least `rounds` rounds and `ms`
 * milliseconds: long enough for the helpers to start, and for jobs of different kinds to follow closely.
 */
export async function sameWithHelpers(
  bank: Bank,
  runs: ((threads: number) => Outcome)[],
  threads: number,
  { rounds, ms, fewest = 1 }: { rounds: number; ms: number; fewest?: number },
): Promise<void> {
  const expected = runs.map((run) => run(1))
  const pool = new Pool([bank], threads)
  try {
    const end = performance.now() + ms
    for (let round = 0; round < rounds || performance.now() < end; round++) {
      const i = round % runs.length
      const { output, records } = runs[i](Math.max(fewest, 1 + (round % 7)))
      sameBits(output, expected[i].output, `round ${round}`)
      assert.ok(Buffer.from(records).equals(expected[i].records), `records of round ${round}`)
    }
  } finally {
    await pool.close()
  }
}

/** A quantised activation row, as the products read it: value = scale * level. */
export interface QuantisedRow {
  record: Uint8Array
  values: Float64Array
}

/** Quantises a row as described in assembly/quantize.ts, with the same float32 operations. */
export function quantise(row: Float32Array): QuantisedRow {
  const n = padded(row.length)
  const record = new Uint8Array(recordBytes(n))
  const view = new DataView(record.buffer)
  const values = new Float64Array(n)
  const order = [0, 2, 4, 6, 1, 3, 5, 7]
  const levels = new Int8Array(n)
  for (let block = 0; block < n / 32; block++) {
    const x = Float32Array.from({ length: 32 }, (_, i) => row[block * 32 + i] ?? 0)
    const most = x.reduce((a, b) => Math.max(a, Math.abs(b)), 0)
    const inverse = most > 1e-36 ? Math.fround(127 / most) : 0
    const scale = Math.fround(most / 127)
    let sum = 0
    for (let i = 0; i < 32; i++) {
      const level = roundHalfEven(Math.fround(x[i] * inverse))
      levels[block * 32 + i] = level
      values[block * 32 + i] = scale * level
      sum += level
    }
    view.setFloat32(3 * n + 4 * block, scale, true)
    view.setInt32(3 * n + n / 8 + 4 * block, -8 * sum, true)
  }
  for (let c = 0; c < n; c++) {
    view.setInt8(c, levels[c])
    view.setInt16(n + 2 * c, levels[(c & ~7) + order[c & 7]], true)
  }
  return { record, values }
}

export function roundHalfEven(x: number): number {
  const low = Math.floor(x)
  if (x - low !== 0.5) return Math.round(x)
  return low % 2 === 0 ? low : low + 1
}
