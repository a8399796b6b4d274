// Measures the matrix products' speed of reading weights and of multiplying, from cache and from memory, and of
// streaming reads.
//   node bench/measure-products.mjs [q4|q8|f32|mxfp4|mxfp4_f32] [ROWS] [COLUMNS]
// For one thread and two: GB/s of weights with one row of activations, with always the same matrix (from cache) and
// with many in turn (from memory); GB/s of streaming reads of the same memory; multiplications per second with 256 rows
// of activations. Medians of nine alternating rounds.
import { TILE_COLUMNS, TILE_ROWS, TileBytes } from '../dist/kernels/abi/formats.js'
import { Bandwidth } from '../dist/kernels/calls/bandwidth.js'
import { allocateGroups, allocateList, writeGroup, writeListEntry } from '../dist/kernels/calls/groups.js'
import { Matmul } from '../dist/kernels/calls/matmul.js'
import { Norm } from '../dist/kernels/calls/norm.js'
import { setFlagsForGood } from '../dist/kernels/compiler/compile.js'
import { padded } from '../dist/kernels/memory/formats.js'
import { Rows } from '../dist/kernels/memory/rows.js'
import { Pool } from '../dist/kernels/threads/pool.js'
import { chooseKernels } from '../dist/kernels/tiers/choose-kernels.js'
import { fillRandom, randomPool } from '../dist/model/weights/random-weights.js'

const [format = 'q4', rowsText = '2048', columnsText = '1024'] = process.argv.slice(2)
const [rows, columns] = [Number(rowsText), Number(columnsText)]
const ROUNDS = 9
const BATCH = 256

setFlagsForGood()
const { bank, tier } = chooseKernels()
const bytes = ((rows / TILE_ROWS) * padded(columns) * TileBytes[format]) / TILE_COLUMNS
const count = Math.ceil(2 ** 29 / bytes)
const start = bank.arena.allocate(count * bytes)
const part = { name: 'matrix', pieces: [{ name: 'weight', kind: 'matrix', format, offset: 0, bytes, cols: columns }] }
for (let i = 0, pool = randomPool(); i < count; i++) {
  const at = start + i * bytes
  fillRandom({ ...part, name: `matrix ${i}` }, bank.u8.subarray(at, at + bytes), pool)
}

const input = Rows.allocate(bank, BATCH, columns, { records: true })
const output = Rows.allocate(bank, BATCH, rows)
const x = Rows.allocate(bank, BATCH, columns)
for (let r = 0; r < BATCH; r++) x.row(r).set(Float32Array.from({ length: columns }, (_, i) => Math.sin(r * 7 + i)))
new Norm(bank, { x, kind: 'rms', output: input }, 1).run(BATCH)
const list = allocateList(bank, BATCH)
for (let r = 0; r < BATCH; r++) writeListEntry(bank, list, r, r, r)
const table = allocateGroups(bank, 1)

process.stdout.write(`${format}, ${rows} x ${columns}, kernels ${tier}, Node ${process.versions.node}\n`)
for (const threads of [1, 2]) {
  const pool = new Pool([bank], threads)
  const matmul = new Matmul(bank, { format, input, output }, threads)
  const multiply = (i, tokens) => {
    writeGroup(bank, table, 0, start + i * bytes, 0, list, tokens)
    matmul.run(table, 1, tokens)
  }
  /** Seconds for each of `times` products. */
  const time = (times, tokens, matrixOf) => {
    const began = performance.now()
    for (let i = 0; i < times; i++) multiply(matrixOf(i), tokens)
    return (performance.now() - began) / 1000 / times
  }
  const bandwidth = new Bandwidth(bank)
  const measures = {
    'from cache, GB/s': () => bytes / time(count, 1, () => 0) / 1e9,
    'from memory, GB/s': () => bytes / time(count, 1, (i) => i) / 1e9,
    'streaming, GB/s': () => bandwidth.run(start, count * bytes) / 1e9,
    'batch of 256, GMAC/s': () => (rows * columns * BATCH) / time(4, BATCH, (i) => i) / 1e9,
  }
  const samples = Object.fromEntries(Object.keys(measures).map((name) => [name, []]))
  for (let round = -1; round < ROUNDS; round++) {
    for (const [name, measure] of Object.entries(measures)) {
      const value = measure()
      if (round >= 0) samples[name].push(value) // the first round compiles code and touches memory for the first time
    }
  }
  for (const [name, values] of Object.entries(samples)) {
    const [median, most] = [values.sort((a, b) => a - b)[ROUNDS >> 1], values[ROUNDS - 1]].map((x) => x.toFixed(1))
    process.stdout.write(
      `${threads} thread${threads > 1 ? 's' : ' '}  ${name.padEnd(22)} ${median.padStart(7)}, most ${most.padStart(7)}\n`,
    )
  }
  await pool.close()
}
