// Measures softmax attention of a batch of decode steps over caches with a common beginning, in microseconds of one
// thread per layer: each text with pages of its own, and with shared ones.
// By turns in each round; the medians, and the ratio. There are as many layers as a model has, so pages come from memory.
//   node bench/measure-shared-attention.mjs [q8 | bf16] [HEADS] [KEY_VALUE_HEADS] [HEAD_SIZE] [LAYERS]
import { PAGE_ROWS } from '../dist/kernels/abi/formats.js'
import { allocatePlaces, writePositions, writeTables } from '../dist/kernels/calls/places.js'
import { SoftmaxAttention } from '../dist/kernels/calls/softmax-attention.js'
import { Bank } from '../dist/kernels/memory/bank.js'
import { cacheHeadBytes } from '../dist/kernels/memory/formats.js'
import { Rows } from '../dist/kernels/memory/rows.js'
import { Pool } from '../dist/kernels/threads/pool.js'
import { compileTier } from '../dist/kernels/tiers/choose-kernels.js'

const [, , format = 'q8', ...numbers] = process.argv
const [heads = 16, keyValueHeads = 8, headSize = 64, layers = 12] = numbers.map(Number)
const ROUNDS = 7
const OWN = 64

const bank = new Bank(compileTier(process.env.MOLM_KERNELS ?? 'relaxed'))
const headBytes = cacheHeadBytes(headSize, format) * PAGE_ROWS
const pageBytes = keyValueHeads * headBytes
const pool = new Pool([bank], 1)

function newPages(count) {
  return Array.from({ length: count }, (_, i) => {
    const page = bank.arena.allocate(pageBytes)
    // Positive and negative numbers; the rows of a head in q8 begin with their scales.
    for (let j = 0; j < pageBytes / 2; j++) bank.u16[page / 2 + j] = 0x3f00 + ((j * 97 + i * 31) & 0x80ff)
    for (let head = 0; format === 'q8' && head < keyValueHeads; head++) {
      const scales = (page + head * headBytes) / 4
      bank.f32.fill(0.01, scales, scales + PAGE_ROWS)
    }
    return page
  })
}

function tableOf(pages) {
  const table = bank.arena.allocate(pages.length * 4)
  bank.u32.set(pages, table / 4)
  return table
}

/** Places of `texts` decode steps in each layer, and their spans. Frees nothing: the process measures and ends. */
function textsOf(texts, common, isShared) {
  const places = []
  let first
  for (let layer = 0; layer < layers; layer++) {
    const shared = [0, 1].map(() => newPages(common / PAGE_ROWS))
    const tables = Array.from({ length: texts }, (_, i) => {
      return shared.map((pages) => {
        const own = isShared || i === 0 ? pages : newPages(pages.length)
        return [...own, ...newPages(OWN / PAGE_ROWS)]
      })
    })
    first ??= tables.map(([keys]) => keys)
    const table = allocatePlaces(bank, texts)
    for (const [i, [keys, values]] of tables.entries()) {
      writeTables(bank, table, { first: i, count: 1 }, tableOf(keys), tableOf(values))
    }
    places.push(table)
  }
  const spans = first.map((keys, i) => {
    return { first: i, count: 1, position: common + i, oldest: 0, pageOf: (at) => keys[Math.floor(at / PAGE_ROWS)] }
  })
  for (const table of places) for (const span of spans) writePositions(bank, table, span)
  return { places, spans }
}

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1]

for (const [texts, common] of [
  [2, 2048],
  [4, 2048],
  [8, 2048],
  [8, 512],
]) {
  const before = bank.arena.used
  let ways
  const free = bank.arena.within(() => {
    const q = Rows.allocate(bank, texts, heads * headSize)
    for (let r = 0; r < texts; r++)
      q.row(r).set(Float32Array.from({ length: heads * headSize }, (_, i) => Math.sin(r * 7 + i)))
    const output = Rows.allocate(bank, texts, heads * headSize, { records: true })
    const shape = { q, output, heads, keyValueHeads, headSize, scale: 1 / Math.sqrt(headSize), format }
    ways = [false, true].map((isShared) => {
      const { places, spans } = textsOf(texts, common, isShared)
      const attention = new SoftmaxAttention(bank, shape, 1)
      attention.begin(spans)
      return { places, attention, times: [] }
    })
  })
  for (let round = 0; round < ROUNDS; round++) {
    for (const { places, attention, times } of ways) {
      const { user } = process.cpuUsage()
      for (const table of places) attention.run(table)
      times.push((process.cpuUsage().user - user) / layers)
    }
  }
  const [own, shared] = ways.map(({ times }) => median(times))
  console.log(
    `${texts} texts after ${String(common).padStart(4)} common positions: own pages ${own.toFixed(0)} us, ` +
      `shared ${shared.toFixed(0)} us, ${(own / shared).toFixed(2)} x`,
  )
  free()
  if (bank.arena.used !== before) throw new Error('memory is left')
}
await pool.close()
