import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Bank } from '#molm/kernels/memory/bank.js'
import type { CacheFormat } from '#molm/kernels/memory/formats.js'
import type { PageHeads } from '#molm/model/layers/cache/layer-cache.js'
import type { RowNumbers } from '#molm/model/layers/cache/number-grid.js'
import { PagedRows } from '#molm/model/layers/cache/paged-rows.js'
import { asCached } from '../../../support/cache-pages.js'
import { tuples } from '../../../support/combinations.js'
import { bankOf, placeRows } from '../../../support/kernel-bench.js'
import { normalFloats } from '../../../support/random.js'

const test = suite('rows of a cache in pages')

const COUNT = 101

/** Layouts: whole rows; values and keys by head. Heads of 3 channels are padded in q8; heads of 40 take whole rows. */
const LAYOUTS: [name: string, heads: number, size: number, byHead: boolean, isTransposed: boolean][] = [
  ['whole rows', 1, 100, false, false],
  ['whole rows of three heads', 3, 6, false, false],
  ['values by head', 2, 40, true, false],
  ['keys by head', 2, 40, true, true],
  ['values of an odd size', 3, 3, true, false],
  ['keys of an odd size', 3, 3, true, true],
]

/** Positions to read and to write: all, one, and some that begin and end within a page, on even and on odd rows. */
const SPANS = tuples(`0x${COUNT} 0x1 33x1 5x20 31x2 30x69 63x38`)

const FORMATS: CacheFormat[] = ['f32', 'bf16', 'q8']

for (const [name, heads, size, byHead, isTransposed] of LAYOUTS) {
  test(`${name}: reads what the kernels stored and writes what was read, at any position, in each format`, () => {
    for (const format of FORMATS) {
      const channels = heads * size
      const rowsIn = (bank: Bank, pageHeads: PageHeads = { heads, byHead }) => {
        const rows = new PagedRows(bank, channels, format, pageHeads, isTransposed)
        rows.pages.reserve([{ start: 0, end: COUNT }])
        return rows
      }

      {
        const bank = bankOf('plain')
        const stored = normalFloats(COUNT * channels, 5)
        const rows = rowsIn(bank)
        rows.store(placeRows(bank, stored, channels), 0, 0, COUNT)
        const expected = asCached(stored, format, size)
        for (const [position, count] of SPANS) {
          const part = expected.subarray(position * channels, (position + count) * channels)
          assert.equal(floatsOf(rows, position, count, channels, size), part, `${format}: ${count} from ${position}`)
        }
      }
      {
        const bank = bankOf('plain')
        const source = rowsIn(bank)
        source.store(placeRows(bank, normalFloats(COUNT * channels, 7), channels), 0, 0, COUNT)
        for (const [position, count] of SPANS) {
          const target = rowsIn(bank)
          target.store(placeRows(bank, normalFloats(COUNT * channels, 9), channels), 0, 0, COUNT)
          const expected = floatsOf(target, 0, COUNT, channels, size)
          target.write(position, count, numbersOf(source, position, count, channels))
          const scales = new Float32Array(count * source.scales)
          source.read(position, count, scales, true)
          target.write(position, count, scales, true)
          expected.set(floatsOf(source, position, count, channels, size), position * channels)
          assert.equal(floatsOf(target, 0, COUNT, channels, size), expected, `${format}: ${count} from ${position}`)
          target.pages.release()
        }
      }
    }
  })
}

/** Rows as floats: levels of q8 times their scales. */
function floatsOf(rows: PagedRows, position: number, count: number, channels: number, size: number): Float32Array {
  const numbers = numbersOf(rows, position, count, channels)
  if (numbers instanceof Uint16Array) return new Float32Array(Uint32Array.from(numbers, (bits) => bits << 16).buffer)
  if (rows.scales === 0) return Float32Array.from(numbers)
  const scales = new Float32Array(count * rows.scales)
  rows.read(position, count, scales, true)
  return Float32Array.from(numbers, (level, i) => level * scales[Math.floor(i / size)])
}

const ARRAYS = { f32: Float32Array, bf16: Uint16Array, q8: Int8Array }

/** Rows in the numbers of their format. */
function numbersOf(rows: PagedRows, position: number, count: number, channels: number): RowNumbers {
  const numbers = new ARRAYS[rows.format](count * channels)
  rows.read(position, count, numbers)
  return numbers
}

test.run()
