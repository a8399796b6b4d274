import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { PAGE_ROWS } from '#molm/kernels/abi/formats.js'
import { allocatePlaces, type RowSpan, writePositions, writeTables } from '#molm/kernels/calls/places.js'
import { SoftmaxAttention } from '#molm/kernels/calls/softmax-attention.js'
import { SharedSpans } from '#molm/kernels/calls/softmax-units.js'
import type { Bank } from '#molm/kernels/memory/bank.js'
import type { CacheFormat } from '#molm/kernels/memory/formats.js'
import { placePages } from '../support/cache-pages.js'
import { sameBits } from '../support/compare.js'
import { bankOf, emptyRows, floatsOf, placeRows, TIERS } from '../support/kernel-bench.js'
import { normalFloats } from '../support/random.js'

const test = suite('spans of keys that sequences share')

interface Shape {
  heads: number
  keyValueHeads: number
  headSize: number
  window?: number
  rows: CacheFormat
}

const SHAPES: Shape[] = [
  { heads: 4, keyValueHeads: 2, headSize: 64, rows: 'bf16' },
  { heads: 4, keyValueHeads: 2, headSize: 64, rows: 'q8' },
  { heads: 4, keyValueHeads: 2, headSize: 16, rows: 'f32' },
  { heads: 2, keyValueHeads: 1, headSize: 64, rows: 'f32', window: 500 },
]

/** Sequences with a common beginning. */
interface Company {
  /** Positions of the beginning. */
  common: number
  /** Position and number of new tokens of each sequence. */
  sequences: { position: number; count: number; oldest?: number }[]
}

interface Placed extends RowSpan {
  keys: number
  values: number
  q: Float32Array
}

/** Writes the caches. Pages of the beginning are the same for all, as after a fork. */
function placeAll(
  bank: Bank,
  { heads, keyValueHeads, headSize, rows }: Shape,
  { common, sequences }: Company,
): Placed[] {
  const channels = keyValueHeads * headSize
  const sharedPages = Math.floor(common / PAGE_ROWS)
  let shared: number[][] = []
  let first = 0
  return sequences.map(({ position, count, oldest = 0 }, i) => {
    const length = position + count
    const tables = [1, 2].map((seed) => {
      const all = normalFloats(length * channels, 90 + 10 * i + seed)
      all.set(normalFloats(Math.max(common, length) * channels, seed).subarray(0, Math.min(common, length) * channels))
      return placePages(bank, all, channels, rows, { heads: keyValueHeads, isTransposed: seed === 1 })
    })
    const pages = tables.map((table) => [...bank.u32.subarray(table / 4, table / 4 + Math.ceil(length / PAGE_ROWS))])
    if (i === 0) shared = pages
    for (const [kind, table] of tables.entries()) {
      for (let page = 0; page < Math.min(sharedPages, pages[kind].length); page++) {
        bank.u32[table / 4 + page] = shared[kind][page]
      }
    }
    const [keys, values] = tables
    const pageOf = (at: number) => bank.u32[keys / 4 + Math.floor(at / PAGE_ROWS)]
    const placed = {
      first,
      count,
      position,
      oldest,
      pageOf,
      keys,
      values,
      q: normalFloats(count * heads * headSize, 70 + i),
    }
    first += count
    return placed
  })
}

/** Runs the attention of some sequences in one batch. */
function run(bank: Bank, shape: Shape, sequences: readonly Placed[], threads: number): Float32Array[] {
  const { heads, headSize, rows: format } = shape
  const columns = heads * headSize
  const total = sequences.reduce((sum, { count }) => sum + count, 0)
  const q = new Float32Array(total * columns)
  let first = 0
  const spans = sequences.map((sequence) => {
    q.set(sequence.q, first * columns)
    const span = { ...sequence, first }
    first += sequence.count
    return span
  })
  const output = emptyRows(bank, total, columns)
  const places = allocatePlaces(bank, total)
  for (const span of spans) {
    writePositions(bank, places, span)
    writeTables(bank, places, span, span.keys, span.values)
  }
  const attention = new SoftmaxAttention(
    bank,
    { ...shape, q: placeRows(bank, q, columns), output, scale: 1 / Math.sqrt(headSize), format },
    threads,
  )
  attention.begin(spans)
  attention.run(places)
  const floats = floatsOf(output)
  return spans.map(({ first, count }) => floats.slice(first * output.stride, (first + count) * output.stride))
}

const steps = (...positions: number[]) => positions.map((position) => ({ position, count: 1 }))

const COMPANIES: Record<string, Company> = {
  'decode steps after a long beginning': { common: 540, sequences: steps(545, 560, 800, 541) },
  'more steps than a unit has rows': {
    common: 300,
    sequences: steps(...Array.from({ length: 36 }, (_, i) => 300 + i)),
  },
  'a beginning that ends within a span': { common: 420, sequences: steps(600, 700, 511, 512) },
  'several rows of one sequence': { common: 600, sequences: [{ position: 640, count: 3 }, ...steps(700, 650)] },
  'a sequence that has forgotten a part': {
    common: 600,
    sequences: [{ position: 650, count: 1, oldest: 300 }, ...steps(700, 640)],
  },
}

for (const [name, company] of Object.entries(COMPANIES)) {
  const isLarge = company.sequences.length > 10
  test(`${name} give the bits of each sequence alone`, () => {
    for (const [i, shape] of SHAPES.entries()) {
      if (isLarge && i > 0) continue
      // The scalar kernels are slow, and one shape shows that they share as well.
      for (const tier of i === 2 ? TIERS : (['relaxed', 'plain'] as const)) {
        const bank = bankOf(tier)
        const sequences = placeAll(bank, shape, company)
        const alone = sequences.map((sequence) => run(bank, shape, [{ ...sequence, pageOf: undefined }], 1)[0])
        for (const threads of [1, 3]) {
          const together = run(bank, shape, sequences, threads)
          for (const [i, found] of together.entries())
            sameBits(found, alone[i], `${tier}, ${threads} threads, text ${i}`)
        }
      }
    }
  })
}

test('are found by their pages, if a row sees all of their keys', () => {
  const pages = (at: number) => (at < 512 ? at >> 5 : 1000 + at)
  const span = (position: number, pageOf?: RowSpan['pageOf']) => ({ first: 0, count: 1, position, oldest: 0, pageOf })
  const shared = new SharedSpans(2)
  for (const [item, rows] of [
    span(600, pages),
    span(700, pages),
    span(700),
    span(300, pages),
    span(650, pages),
  ].entries()) {
    for (const number of [0, 1]) shared.add({ item, span: number, sums: 0 }, rows, rows.oldest, rows.position)
  }
  assert.equal(
    shared.groups.map((group) => group.map(({ item, span }) => `${item}:${span}`).join(' ')),
    ['0:0 1:0', '0:1 1:1', '2:0', '2:1', '3:0 4:0', '3:1', '4:1'],
  )
})

test('rows of a token share all spans, and tokens share none without pages', () => {
  const shared = new SharedSpans(3, 4)
  for (let item = 0; item < 8; item++) {
    const rows = { first: 0, count: 2, position: 300, oldest: 5 }
    for (const span of [0, 1]) shared.add({ item, span, sums: 0 }, rows, rows.oldest, rows.position)
  }
  assert.equal(
    shared.groups.map((group) => group.map(({ item, span }) => `${item}:${span}`).join(' ')),
    ['0:0 1:0 2:0', '0:1 1:1 2:1', '3:0', '3:1', '4:0 5:0 6:0', '4:1 5:1 6:1', '7:0', '7:1'],
  )
})

test.run()
