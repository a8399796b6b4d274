import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { seededRandom } from '#molm/engine/sampling/random.js'
import { NoRoom } from '#molm/ground/errors.js'
import type { Bank } from '#molm/kernels/memory/bank.js'
import { cacheRowBytes } from '#molm/kernels/memory/formats.js'
import { type CachedLayer, checkHeads, type RowShape } from '#molm/model/layers/cache/layer-cache.js'
import { SequenceCache } from '#molm/model/layers/cache/sequence-cache.js'
import { copyOf, putInto, valuesIn } from '../../../support/cache-copies.js'
import { asCached } from '../../../support/cache-pages.js'
import { tuples } from '../../../support/combinations.js'
import { bankOf, placeRows } from '../../../support/kernel-bench.js'
import { normalFloats } from '../../../support/random.js'
import { rejectsWithUserError, thrownBy } from '../../../support/rejects.js'

const test = suite('the cache of a sequence')

const CHANNELS = 32
const LAYERS = 3
const PAGE_BYTES = 32 * cacheRowBytes(CHANNELS, 'f32')

interface Bench {
  bank: Bank
  /** Three layers. The last has K = V. */
  cache: SequenceCache
  /** Runs a batch with rows that encode their position, layer and kind. */
  add(tokens: number): void
}

function layersOf(bank: Bank): CachedLayer[] {
  return Array.from({ length: LAYERS }, (_, l) => ({
    bank,
    format: 'f32',
    rows: { channels: CHANNELS, shared: l === 2 },
  }))
}

function bench(): Bench {
  const bank = bankOf('plain')
  const cache = new SequenceCache(layersOf(bank))
  const add = (tokens: number) => {
    cache.reserve(tokens)
    for (let l = 0; l < LAYERS; l++) {
      const rows = (kind: number) =>
        Float32Array.from(
          { length: tokens * CHANNELS },
          (_, i) => 10 * (cache.length + Math.floor(i / CHANNELS)) + 2 * l + kind,
        )
      const [keys, values] = [rows(0), rows(1)].map((floats) => placeRows(bank, floats, CHANNELS))
      cache.append(l, 0, tokens, keys, values)
      for (const { address } of [keys, values]) bank.arena.release(address, tokens * CHANNELS * 4)
    }
    cache.advance(tokens)
  }
  return { bank, cache, add }
}

/** Checks the rows of the cache, and returns their positions. */
function checkRows(cache: SequenceCache, message: string): void {
  const rows = valuesIn(cache)
  const count = cache.length - cache.oldest
  assert.is(rows.length, count * CHANNELS * 5, message)
  const kinds = [0, 1, 2, 3, 4]
  for (const [n, kind] of kinds.entries()) {
    for (let i = 0; i < count; i++) {
      const expected = 10 * (cache.oldest + i) + kind
      for (const c of [0, CHANNELS - 1])
        assert.is(rows[(n * count + i) * CHANNELS + c], expected, `${message}, row ${i}`)
    }
  }
}

for (const format of ['f32', 'bf16', 'q8'] as const) {
  test(`rows of ${format} are rounded, exported as they are, and imported; by heads and whole`, () => {
    for (const [heads, size] of tuples('3x5 1x1 2x8 64x5 2x39')) {
      for (const byHead of [true, false]) {
        const bank = bankOf('relaxed')
        const channels = heads * size
        const layer: CachedLayer = { bank, format, rows: { channels, heads, byHead, shared: false } }
        const cache = new SequenceCache([layer])
        const rows = [normalFloats(70 * channels, 5), normalFloats(70 * channels, 6, 1e-3)]
        rows[1].fill(0, 3 * channels, 4 * channels)
        for (const [first, count] of tuples('0x1 1x40 41x29')) {
          cache.reserve(count)
          const part = rows.map((all) => all.subarray(first * channels, (first + count) * channels))
          const [keys, values] = part.map((floats) => placeRows(bank, floats, channels))
          cache.append(0, 0, count, keys, values)
          cache.advance(count)
        }
        const expected = rows.map((floats) => asCached(floats, format, size))
        if (format === 'q8') assert.equal(levelsOf(cache, heads, size), expected)
        else assert.equal(valuesIn(cache), Float32Array.of(...expected[0], ...expected[1]))
        const other = new SequenceCache([layer])
        putInto(other, copyOf(cache))
        assert.equal(copyOf(other), copyOf(cache))
        cache.forget(33)
        if (format === 'q8') continue
        const rest = expected.map((floats) => floats.subarray(33 * channels))
        assert.equal(valuesIn(cache), Float32Array.of(...rest[0], ...rest[1]))
      }
    }
  })
}

/** Keys and values of a q8 cache: levels times scales. */
function levelsOf({ contents }: SequenceCache, heads: number, size: number): Float32Array[] {
  const names = ['layers.0.keys', 'layers.0.keys.scales', 'layers.0.values', 'layers.0.values.scales']
  assert.equal(
    contents.list.map(({ name }) => name),
    names,
  )
  return [0, 2].map((kind) => {
    const levels = new Int8Array(70 * heads * size)
    const scales = new Float32Array(70 * heads)
    contents.read(kind, 0, 70, levels)
    contents.read(kind + 1, 0, 70, scales)
    return Float32Array.from(levels, (level, i) => level * scales[Math.floor(i / size)])
  })
}

test('a q8 cache refuses heads that are too large for its sums', async () => {
  const refuses = (rows: RowShape, says: RegExp) => rejectsWithUserError(() => checkHeads(rows, 'q8'), says)
  checkHeads({ channels: 1024, heads: 2, byHead: true, shared: false }, 'q8')
  checkHeads({ channels: 1984, shared: false }, 'q8')
  checkHeads({ channels: 2048, shared: false }, 'bf16')
  await refuses({ channels: 1026, heads: 2, byHead: true, shared: false }, /at most 512 channels, .* 513/)
  await refuses({ channels: 2048, shared: false }, /at most 1984 channels, .* 2048/)
})

test('a failed request restores the cache, including forgotten positions', () => {
  for (const [before, batches, context] of [
    [100, [200, 50], 1000],
    [100, [64, 64, 64], 40],
    [10, [256, 256], 16],
    [0, [40], 8],
    [64, [1], 1],
  ] as [number, number[], number][]) {
    const { cache, add } = bench()
    if (before > 0) add(before)
    const { bytes } = cache
    cache.begin()
    for (const tokens of batches) {
      add(tokens)
      if (cache.length - cache.oldest > context) cache.forget(cache.length - context)
      checkRows(cache, `${before} and ${batches}: during`)
    }
    cache.rollback()
    assert.equal([cache.oldest, cache.length], [0, before])
    checkRows(cache, `${before} and ${batches}: after`)
    assert.is(cache.bytes, bytes, 'memory')
  }
})

test('a completed request frees the pages of positions that it forgot', () => {
  const { bank, cache, add } = bench()
  const empty = bank.arena.used
  add(300)
  cache.begin()
  for (let i = 0; i < 4; i++) {
    add(256)
    cache.forget(cache.length - 40)
  }
  cache.commit()
  checkRows(cache, 'afterwards')
  assert.is(cache.bytes, 5 * 2 * PAGE_BYTES)
  cache.truncate(0)
  assert.is(cache.bytes, 0)
  // Page tables keep their size.
  assert.ok(bank.arena.used < empty + 5 * 512)
  cache.release()
})

test('a cache truncated before its oldest position is empty, and continues from there', () => {
  const { cache, add } = bench()
  add(200)
  cache.forget(150)
  cache.truncate(50)
  assert.equal([cache.oldest, cache.length, cache.bytes], [50, 50, 0])
  add(70)
  checkRows(cache, 'after 70 more')
  assert.equal([cache.oldest, cache.length], [50, 120])
})

test('any order of growing, forgetting, truncating and failing keeps the right rows without a leak', () => {
  const random = seededRandom(5)
  const next = (below: number) => Math.floor(random.nextFloat() * below)
  for (let round = 0; round < 20; round++) {
    const { bank, cache, add } = bench()
    const before = bank.arena.used
    for (let step = 0; step < 60; step++) {
      const what = next(5)
      const found = [cache.oldest, cache.length]
      if (what === 0) cache.truncate(next(cache.length + 10))
      else if (what === 1) cache.forget(next(cache.length + 10))
      else {
        cache.begin()
        for (let i = next(3); i >= 0; i--) {
          add(1 + next(100))
          if (next(3) > 0) cache.forget(cache.length - 1 - next(80))
        }
        if (what === 2) cache.commit()
        else cache.rollback()
        if (what !== 2) assert.equal([cache.oldest, cache.length], found)
      }
      checkRows(cache, `round ${round}, step ${step}`)
      const pages = Math.ceil(cache.length / 32) - Math.floor(cache.oldest / 32)
      assert.ok(cache.bytes <= pages * 5 * PAGE_BYTES, `round ${round}, step ${step}: ${cache.bytes} bytes`)
    }
    cache.release()
    assert.ok(bank.arena.used < before, 'the tables are freed, too')
  }
})

test('without room for a prompt, the error names the option and nothing is allocated', async () => {
  const { bank, cache, add } = bench()
  add(40)
  // Room for 20 more pages: 10 positions need none, 320 need 50.
  bank.arena.allocate(bank.arena.room - 20 * PAGE_BYTES)
  const { used } = bank.arena
  await rejectsWithUserError(() => cache.reserve(320), /no room for 320 more tokens: .* `context`/)
  await rejectsWithUserError(() => cache.reserve(1e12), /no room/)
  const error = await thrownBy((async () => cache.reserve(320))())
  assert.instance(error, NoRoom)
  assert.equal((error as NoRoom).tokens, { held: 40, more: 320 })
  assert.is(bank.arena.used, used)
  add(10)
  checkRows(cache, 'afterwards')
  // The free memory is fragmented.
  const pages = Array.from({ length: 20 }, () => bank.arena.allocate(PAGE_BYTES))
  for (const page of pages) bank.arena.release(page, PAGE_BYTES / 2)
  const inPieces = bank.arena.used
  await rejectsWithUserError(() => cache.reserve(50), /no room for 50 more tokens/)
  assert.is(bank.arena.used, inPieces)
  checkRows(cache, 'and then')
})

test('a cache without room for its tables throws and allocates nothing', async () => {
  const bank = bankOf('plain')
  bank.arena.allocate(bank.arena.room - 3 * 64)
  const { used } = bank.arena
  await rejectsWithUserError(() => new SequenceCache(layersOf(bank)), /no room for another session: .* `context`/)
  assert.is(bank.arena.used, used)
})

test('rows are imported from their oldest position on, if there is room for them', async () => {
  const { cache, add } = bench()
  add(1000)
  cache.forget(990)
  const other = bench()
  putInto(other.cache, copyOf(cache))
  assert.equal([other.cache.oldest, other.cache.length], [990, 1000])
  checkRows(other.cache, 'imported')
  // Two pages of each kind, and none for forgotten positions.
  assert.is(other.cache.bytes, 5 * 2 * PAGE_BYTES)
  for (const oldest of [-1000, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 4e9, 1001]) {
    await rejectsWithUserError(
      () => bench().cache.prepareFor({ start: oldest, end: 1000, checkpoints: [] }),
      /does not fit its tokens/,
    )
  }
})

test.run()
