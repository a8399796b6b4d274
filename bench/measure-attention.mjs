// Measures softmax attention of one token over long caches and of a prompt's batch, in microseconds per layer: the
// median and minimum of several rounds, and CPU time with one thread. Decode uses as many caches in turn as a model has
// layers, so that they are read from memory.
//   node bench/measure-attention.mjs [HEADS] [KEY_VALUE_HEADS] [HEAD_SIZE] [LAYERS] [THREADS]
import { PAGE_ROWS } from '../dist/kernels/abi/formats.js'
import { allocatePlaces, writePositions, writeTables } from '../dist/kernels/calls/places.js'
import { SoftmaxAttention } from '../dist/kernels/calls/softmax-attention.js'
import { Bank } from '../dist/kernels/memory/bank.js'
import { cacheHeadBytes } from '../dist/kernels/memory/formats.js'
import { Rows } from '../dist/kernels/memory/rows.js'
import { Pool } from '../dist/kernels/threads/pool.js'
import { compileTier } from '../dist/kernels/tiers/choose-kernels.js'

const numbers = process.argv.slice(2).map(Number)
const [heads = 16, keyValueHeads = 8, headSize = 64, layers = 24, threads = 2] = numbers
const BATCH = 256
const POSITIONS = 4096 + BATCH

const bank = new Bank(compileTier(process.env.MOLM_KERNELS ?? 'relaxed'))
const pageBytes = keyValueHeads * cacheHeadBytes(headSize, 'bf16') * PAGE_ROWS

function pages() {
  const count = Math.ceil(POSITIONS / PAGE_ROWS)
  const table = bank.arena.allocate(count * 4)
  for (let i = 0; i < count; i++) {
    const page = bank.arena.allocate(pageBytes)
    bank.u32[table / 4 + i] = page
    // Positive and negative numbers of magnitude about 1.
    const { u16 } = bank
    for (let j = 0; j < pageBytes / 2; j++) u16[page / 2 + j] = 0x3f00 + ((j * 97 + i * 31) & 0x80ff)
  }
  return table
}

const caches = Array.from({ length: layers }, () => {
  const places = allocatePlaces(bank, BATCH)
  writeTables(bank, places, { first: 0, count: BATCH }, pages(), pages())
  return places
})
const q = Rows.allocate(bank, BATCH, heads * headSize)
for (let r = 0; r < BATCH; r++)
  q.row(r).set(Float32Array.from({ length: heads * headSize }, (_, i) => Math.sin(r * 7 + i)))
const output = Rows.allocate(bank, BATCH, heads * headSize, { records: true })
const shape = { q, output, heads, keyValueHeads, headSize, scale: 1 / Math.sqrt(headSize), format: 'bf16' }
const attention = new SoftmaxAttention(bank, shape, threads)
const pool = new Pool([bank], threads)

for (const [tokens, position] of [
  [1, 100],
  [1, 200],
  [1, 400],
  [1, 1000],
  [1, 4000],
  [BATCH, 0],
  [BATCH, 256],
  [BATCH, 4096],
]) {
  const rounds = tokens === 1 ? 15 : 5
  const some = tokens === 1 ? caches : caches.slice(0, 1)
  const span = { first: 0, count: tokens, position, oldest: 0 }
  for (const places of some) writePositions(bank, places, span)
  attention.begin([span])
  const times = []
  const busy = process.cpuUsage()
  for (let round = 0; round < rounds; round++) {
    const started = performance.now()
    for (const places of some) attention.run(places)
    times.push((performance.now() - started) / some.length)
  }
  const [median, least] = [times.sort((a, b) => a - b)[rounds >> 1], times[0]].map((ms) => (ms * 1000).toFixed(1))
  const { user } = process.cpuUsage(busy)
  const cpu = threads === 1 ? `, processor ${(user / rounds / some.length).toFixed(1).padStart(9)} us` : ''
  const what = `${tokens} token${tokens === 1 ? '' : 's'} after ${position}`
  process.stdout.write(`${what.padEnd(22)} ${median.padStart(9)} us, least ${least.padStart(9)} us${cpu}\n`)
}
await pool.close()
