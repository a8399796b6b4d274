// Measures stick-breaking attention of one token and of a prompt's batch over caches of some lengths, in microseconds
// per layer, and the keys that a query visits: with sticks that end after some 30 keys, and with sticks that last for
// all of them. As in MoLM, one cache has keys and values. Prints the median and minimum of several rounds, and CPU time with one thread. Decode uses as many caches
// in turn as a model has layers, so that they are read from memory.
//   node bench/measure-stick-breaking.mjs [CHANNELS] [HEADS] [K] [LAYERS] [THREADS]
import { PAGE_ROWS } from '../dist/kernels/abi/formats.js'
import { Attention } from '../dist/kernels/calls/attention.js'
import { allocatePlaces, writePositions, writeTables } from '../dist/kernels/calls/places.js'
import { Bank } from '../dist/kernels/memory/bank.js'
import { cacheRowBytes } from '../dist/kernels/memory/formats.js'
import { Rows } from '../dist/kernels/memory/rows.js'
import { Pool } from '../dist/kernels/threads/pool.js'
import { compileTier } from '../dist/kernels/tiers/choose-kernels.js'

const numbers = process.argv.slice(2).map(Number)
const [channels = 1024, heads = 1, k = 2, layers = 24, threads = 2] = numbers
const BATCH = 256
const POSITIONS = 4096 + BATCH

const bank = new Bank(compileTier(process.env.MOLM_KERNELS ?? 'relaxed'))
const pageBytes = cacheRowBytes(channels, 'bf16') * PAGE_ROWS

function pages() {
  const count = Math.ceil(POSITIONS / PAGE_ROWS)
  const table = bank.arena.allocate(count * 4)
  for (let i = 0; i < count; i++) {
    const page = bank.arena.allocate(pageBytes)
    bank.u32[table / 4 + i] = page
    // Numbers between 0.5 and 2: the sign of a query's is that of its logits.
    const { u16 } = bank
    for (let j = 0; j < pageBytes / 2; j++) u16[page / 2 + j] = 0x3f00 + ((j * 97 + i * 31) & 0xff)
  }
  return table
}

const caches = Array.from({ length: layers }, () => {
  const places = allocatePlaces(bank, BATCH)
  const table = pages()
  writeTables(bank, places, { first: 0, count: BATCH }, table, table)
  return places
})
const depths = bank.arena.allocate(BATCH * k * heads * 4)
const output = Rows.allocate(bank, BATCH * k, channels, { records: true })
const pool = new Pool([bank], threads)

for (const [sticks, logit] of [
  ['short', 0],
  ['long', -9],
]) {
  const q = Rows.allocate(bank, BATCH * k, channels)
  const mean = logit / Math.sqrt(channels / heads)
  for (let r = 0; r < BATCH * k; r++)
    q.row(r).set(Float32Array.from({ length: channels }, (_, i) => mean * (1 + Math.sin(r * 7 + i) / 8)))
  const shape = { q, output, heads, k, format: 'bf16', enough: 2 ** -25, depths }
  const attention = new Attention(bank, shape, threads)
  for (const [tokens, position] of [
    [1, 512],
    [1, 4096],
    [BATCH, 0],
    [BATCH, 512],
    [BATCH, 4096],
  ]) {
    const rounds = tokens === 1 ? 9 : 3
    const some = tokens === 1 ? caches : caches.slice(0, 1)
    for (const places of some) writePositions(bank, places, { first: 0, count: tokens, position, oldest: 0 })
    const times = []
    const busy = process.cpuUsage()
    for (let round = 0; round < rounds; round++) {
      const started = performance.now()
      for (const places of some) attention.run(tokens, places)
      times.push((performance.now() - started) / some.length)
    }
    const { user } = process.cpuUsage(busy)
    const [median, least] = [times.sort((a, b) => a - b)[rounds >> 1], times[0]].map((ms) => (ms * 1000).toFixed(1))
    const visits = bank.u32.subarray(depths / 4, depths / 4 + tokens * k * heads)
    const mean = visits.reduce((sum, keys) => sum + keys, 0) / visits.length
    const cpu = threads === 1 ? `, processor ${(user / rounds / some.length).toFixed(1).padStart(9)} us` : ''
    const what = `${sticks} sticks, ${tokens} token${tokens === 1 ? '' : 's'} after ${position}`
    process.stdout.write(
      `${what.padEnd(36)} ${median.padStart(9)} us, least ${least.padStart(9)} us${cpu}, ${mean.toFixed(0)} keys\n`,
    )
  }
}
await pool.close()
