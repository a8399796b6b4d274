import { suite } from 'uvu'
import { Embedding } from '#molm/kernels/calls/embedding.js'
import type { Bank } from '#molm/kernels/memory/bank.js'
import { Rows } from '#molm/kernels/memory/rows.js'
import { isNear, sameBits } from '../support/compare.js'
import { bankOf, clearRows, floatsOf, matrixRequest, pack, place, TIERS } from '../support/kernel-bench.js'
import { normalFloats } from '../support/random.js'
import { unpackRows } from '../support/unpack-tiles.js'

const test = suite('embedding')

const ENTRIES = 11
const IDS = Uint32Array.of(3, 10, 0, 3)

function run(bank: Bank, table: Uint8Array, format: 'f32' | 'q8', columns: number, scale?: number): Float32Array {
  const output = clearRows(Rows.allocate(bank, IDS.length, columns))
  new Embedding(bank, format, place(bank, IDS), output, scale).run(place(bank, table), IDS.length)
  return floatsOf(output)
}

for (const format of ['f32', 'q8'] as const) {
  for (const scale of [undefined, 12, 0.3]) {
    test(`${format} rows, ${scale === undefined ? 'unchanged' : `times ${scale}`}`, () => {
      for (const columns of [1, 31, 32, 33, 96]) {
        const weights = normalFloats(ENTRIES * columns, 71)
        const request = { ...matrixRequest(weights, ENTRIES, columns, format), kind: 'rows' as const }
        const table = pack(bankOf('scalar'), request).bytes
        const expected = run(bankOf('scalar'), table, format, columns, scale)
        const entries = unpackRows(table, format, ENTRIES, columns)
        const stride = expected.length / IDS.length
        for (const [t, id] of IDS.entries()) {
          const entry = entries.subarray(id * columns, (id + 1) * columns)
          const row = Float64Array.from({ length: stride }, (_, i) => (entry[i] ?? 0) * (scale ?? 1))
          isNear(expected.subarray(t * stride, (t + 1) * stride), row, scale ? 4e-6 : 0, `token ${t}`)
        }
        for (const tier of TIERS) sameBits(run(bankOf(tier), table, format, columns, scale), expected, tier)
      }
    })
  }
}

test.run()
