import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  type PairTable,
  pairOf,
  pairsAcross,
  pairsOf,
  pairsWithin,
  strongestPairs,
} from '#molm/experts/expert-pairs.js'
import { pairsCsv } from '#molm/experts/pairs-csv.js'
import { TextRoutes } from '#molm/experts/text-routes.js'
import { seededRandom } from '#molm/sampling/random.js'
import { randomText } from '../support/random-routes.js'
import { mixture, reader, routedText } from '../support/routed-text.js'

const TEXTS = [randomText('one', 300, 1), randomText('two', 200, 2)]

/** Counts pairs token by token, in the plainest way. */
function countByHand({ from, to }: PairTable, row: number, column: number): number {
  let count = 0
  for (const text of TEXTS) {
    for (let token = 0; token < text.tokens.length; token++) {
      const own = [...(text.chosen(token, from.layer, from.kind)?.ids ?? [])]
      const others = [...(text.chosen(token, to.layer, to.kind)?.ids ?? [])]
      if (own.includes(row) && others.includes(column)) count++
    }
  }
  return count
}

function forEachCell(table: PairTable, visit: (row: number, column: number, at: number) => void): void {
  for (let row = 0; row < table.from.experts; row++) {
    for (let column = 0; column < table.to.experts; column++) visit(row, column, row * table.to.experts + column)
  }
}

const nameOf = ({ from, to }: PairTable) => `${from.layer} ${from.kind} ${to.layer} ${to.kind}`

test('pairs within a layer are counted once per token, and the diagonal is empty', () => {
  const tables = pairsWithin(TEXTS)
  assert.equal(tables.map(nameOf), [
    '0 attention 0 attention',
    '0 mlp 0 mlp',
    '1 attention 1 attention',
    '2 attention 2 attention',
    '2 mlp 2 mlp',
  ])
  for (const table of tables) {
    assert.is(table.tokens, 500)
    forEachCell(table, (row, column, at) => {
      assert.is(table.observed[at], row === column ? 0 : countByHand(table, row, column))
    })
  }
})

test('the pairs that chance would make have the same sums, an empty diagonal and the form of products', () => {
  for (const { from, observed, expected } of pairsWithin(TEXTS)) {
    const n = from.experts
    for (let row = 0; row < n; row++) {
      const sum = (all: Float64Array) => all.subarray(row * n, (row + 1) * n).reduce((a, b) => a + b, 0)
      assert.ok(Math.abs(sum(observed) - sum(expected)) < 1e-6 * sum(observed), `${sum(observed)} ${sum(expected)}`)
      assert.is(expected[row * n + row], 0)
    }
    const at = (i: number, j: number) => expected[i * n + j]
    assert.ok(Math.abs((at(0, 1) * at(2, 3)) / (at(0, 2) * at(1, 3)) - 1) < 1e-9)
  }
})

test('experts chosen without any preference for company have lifts near 1', () => {
  const random = seededRandom(3)
  const text = new TextRoutes('even', Array(20_000).fill(0), reader([mixture('mlp', [4], 2)], ['a']))
  for (let done = 0; done < 20_000; done += 1024) {
    const tokens = Math.min(1024, 20_000 - done)
    const ids = Array.from({ length: tokens }, () => {
      const first = Math.floor(random.nextFloat() * 4)
      return [first, (first + 1 + Math.floor(random.nextFloat() * 3)) % 4]
    }).flat()
    text.add([{ mlp: { ids: Int32Array.from(ids), gates: new Float32Array(ids.length) } }], tokens)
  }
  const [table] = pairsWithin([text])
  for (const { lift } of pairsOf(table)) assert.ok(Math.abs(lift - 1) < 0.05, String(lift))
  assert.equal(strongestPairs([table], 9), [])
})

test('each layer is followed by the next of its kind and by the next of the other kind', () => {
  const tables = pairsAcross(TEXTS)
  assert.equal(tables.map(nameOf), [
    '0 attention 1 attention',
    '0 attention 0 mlp',
    '0 mlp 2 mlp',
    '0 mlp 1 attention',
    '1 attention 2 attention',
    '2 attention 2 mlp',
  ])
  for (const table of tables) {
    const { from, to, tokens } = table
    const uses = (place: typeof from, id: number) =>
      TEXTS.reduce((sum, { usage }) => sum + usage.of(place.kind, place.layer).counts[id], 0)
    forEachCell(table, (row, column, at) => {
      assert.is(table.observed[at], countByHand(table, row, column))
      assert.is(table.expected[at], (uses(from, row) * uses(to, column)) / tokens)
    })
  }
  const [best] = strongestPairs(tables, 1)
  assert.ok(best.lift > 1.3 && best.observed > best.expected)
  const rare = strongestPairs(pairsAcross([4, 5, 6, 7].map((seed) => randomText('long', 1000, seed))), 3, true)
  assert.ok(rare.length > 0 && rare.every(({ lift }, i) => lift < 1 && lift >= (rare[i - 1]?.lift ?? 0)))
})

test('pairs that are hardly expected, and experts of every token, have no lift', () => {
  const [table] = pairsAcross([randomText('short', 10, 1)])
  assert.ok(table.expected.every((expected, at) => expected >= 5 || !pairOf(table, at >> 2, at & 3)))
  const [full] = pairsAcross(TEXTS)
  assert.ok(pairOf(full, 0, 1))
  assert.is(pairOf({ ...full, to: { ...full.to, always: [1] } }, 0, 1), undefined)
})

test('tokens whose experts a trace lacks do not count', () => {
  const model = reader([mixture('mlp', [4, 4], 1)], ['a'])
  const random = seededRandom(8)
  const ids = Array.from({ length: 200 }, () => Math.floor(random.nextFloat() * 4))
  const of = (id: number) => ({ mlp: { ids: [id], gates: [0.5] } })
  const tokens = ids.map(() => 0)
  const [whole] = pairsAcross([routedText('', model, tokens, (i) => of(ids[i]))])
  const [half] = pairsAcross([routedText('', model, [...tokens, ...tokens], (i) => of(ids[i] ?? -1))])
  assert.is(half.tokens, 200)
  assert.equal(pairsOf(half), pairsOf(whole))
})

test('experts of every token leave the lifts of the others unchanged', () => {
  const pairs = [...Array(60).fill([1, 2]), ...Array(30).fill([1, 3]), ...Array(9).fill([3, 4])]
  const tokens = pairs.map(() => 0)
  const without = reader([mixture('mlp', [5], 2)], ['a'])
  const routing = { always: [{ ids: [0], isApart: false }] }
  const withOne = reader([{ ...mixture('mlp', [5], 3), routing }], ['a'])
  const choices = (ids: number[]) => ({ mlp: { ids, gates: ids.map(() => 0.5) } })
  const [expected] = pairsWithin([routedText('', without, tokens, (i) => choices(pairs[i]))])
  const [found] = pairsWithin([routedText('', withOne, tokens, (i) => choices([0, ...pairs[i]]))])
  assert.equal(pairsOf(found), pairsOf(expected))
  assert.ok(pairsOf(found).length > 2)
})

test('the CSV of pairs has a row for each pair with enough tokens', () => {
  const tables = pairsWithin(TEXTS)
  const [head, ...rows] = [...pairsCsv(tables)].join('').trimEnd().split('\n')
  assert.is(head, 'from_layer,from_kind,from_expert,to_layer,to_kind,to_expert,tokens,expected,lift')
  assert.is(rows.length, tables.flatMap(pairsOf).length)
  const [first] = pairsOf(tables[0])
  assert.ok(rows[0].startsWith(`0,attention,0,0,attention,1,${first.observed},`))
})

test.run()
