import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { seededRandom } from '#molm/engine/sampling/random.js'
import { NoRoom } from '#molm/ground/errors.js'
import { MemoryFull } from '#molm/kernels/memory/arena.js'
import type { Bank } from '#molm/kernels/memory/bank.js'
import { cacheRowBytes } from '#molm/kernels/memory/formats.js'
import { bytesOfAll } from '#molm/model/layers/cache/cache-bytes.js'
import type { CachedLayer } from '#molm/model/layers/cache/layer-cache.js'
import { SequenceCache } from '#molm/model/layers/cache/sequence-cache.js'
import { valuesIn } from '../../../support/cache-copies.js'
import { bankOf, placeRows } from '../../../support/kernel-bench.js'
import { thrownBy } from '../../../support/rejects.js'

const test = suite('forks of a cache')

const CHANNELS = 32
const WINDOW = 40
const PAGE_BYTES = 32 * cacheRowBytes(CHANNELS, 'f32')

/** A layer that keeps all positions. With a window also one that has it, and one with a running state. */
function layersOf(bank: Bank, window?: number, state?: number): CachedLayer[] {
  const whole: CachedLayer = { bank, format: 'f32', rows: { channels: CHANNELS, shared: false } }
  return window
    ? [
        whole,
        { bank, format: 'f32', rows: { channels: CHANNELS, shared: true, window } },
        { bank, format: 'f32', state },
      ]
    : [whole]
}

/** A cache, and the number that each of its positions was written with. */
interface Text {
  cache: SequenceCache
  numbers: number[]
}

/** Appends a position for each number. All its channels have that number. */
function add(bank: Bank, { cache, numbers }: Text, added: number[]): void {
  cache.reserve(added.length)
  cache.mark([cache.length + added.length], added.length)
  const floats = Float32Array.from({ length: added.length * CHANNELS }, (_, i) => added[Math.floor(i / CHANNELS)])
  const rows = placeRows(bank, floats, CHANNELS)
  for (const layer of cache.states ? [0, 1] : [0]) cache.append(layer, 0, added.length, rows, rows)
  bank.arena.release(rows.address, floats.byteLength)
  if (cache.states) {
    bank.f32[cache.stateOf(2).after / 4] = added[added.length - 1]
    for (const { state } of cache.marksOf(2)) state[0] = added[added.length - 1]
  }
  cache.advance(added.length)
  numbers.push(...added)
}

function fork({ cache, numbers }: Text, length: number): Text {
  const forked = cache.fork(length)
  return { cache: forked, numbers: numbers.slice(0, forked.length) }
}

/** Checks all rows that the cache has, and its running state. */
function check({ cache, numbers }: Text, what: string): void {
  assert.is(cache.length, numbers.length, what)
  const { contents } = cache
  const rows = valuesIn(cache)
  const kept = numbers.slice(cache.oldest)
  for (const kind of [0, 1]) {
    const found = kept.map((_, i) => rows[(kind * kept.length + i) * CHANNELS + (i % CHANNELS)])
    assert.equal(found, kept, `${what}, ${contents.list[kind].name}`)
  }
  const [, , recent] = contents.list
  if (recent?.name === 'layers.1.keys') {
    const last = kept.slice(-WINDOW + 1)
    const first = rows.length - (1 + contents.saved.checkpoints.length) - last.length * CHANNELS
    assert.equal(
      last.map((_, i) => rows[first + i * CHANNELS]),
      last,
      `${what}, window`,
    )
  }
  if (cache.states) assert.is(cache.states.read()[0], numbers[numbers.length - 1] ?? 0, `${what}, state`)
}

const range = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i)

test('a fork shares full pages, and has a copy of the last one', () => {
  const bank = bankOf('plain')
  const text = { cache: new SequenceCache(layersOf(bank)), numbers: [] }
  add(bank, text, range(0, 70))
  const twin = fork(text, 70)
  check(twin, 'fork')
  assert.is(bytesOfAll([text.cache]), (2 / 2 + 1) * 2 * PAGE_BYTES, 'half of two pages, and a whole one')
  assert.is(bytesOfAll([text.cache, twin.cache]), 4 * 2 * PAGE_BYTES, 'two shared pages, and two last ones')
  assert.is(text.cache.rows.pageOf(63), twin.cache.rows.pageOf(63))
  assert.is.not(text.cache.rows.pageOf(64), twin.cache.rows.pageOf(64))
  twin.cache.release()
  assert.is(bytesOfAll([text.cache]), 3 * 2 * PAGE_BYTES)
  check(text, 'after the fork has ended')
})

test('what one appends never changes the other, even after both are cut in a shared page', () => {
  const bank = bankOf('plain')
  const text = { cache: new SequenceCache(layersOf(bank)), numbers: [] as number[] }
  add(bank, text, range(0, 70))
  const twin = fork(text, 70)
  add(bank, text, range(100, 30))
  add(bank, twin, range(200, 40))
  for (const one of [text, twin]) {
    one.cache.truncate(40)
    one.numbers.length = 40
  }
  check(twin, 'cut fork')
  add(bank, twin, range(300, 3))
  check(text, 'cut original')
  add(bank, text, range(400, 30))
  check(text, 'original')
  check(twin, 'fork')
  assert.is(text.cache.rows.pageOf(31), twin.cache.rows.pageOf(31))
  assert.is.not(text.cache.rows.pageOf(32), twin.cache.rows.pageOf(32))
})

test('a fork of a fork outlives both, and all memory is free after the last', () => {
  const bank = bankOf('plain')
  const before = bank.arena.used
  const text = { cache: new SequenceCache(layersOf(bank)), numbers: [] }
  add(bank, text, range(0, 100))
  const second = fork(text, 80)
  add(bank, second, range(500, 50))
  const third = fork(second, 70)
  text.cache.release()
  second.cache.release()
  check(third, 'fork of a fork')
  assert.is(bytesOfAll([third.cache]), 3 * 2 * PAGE_BYTES)
  add(bank, third, range(600, 60))
  check(third, 'fork of a fork')
  third.cache.release()
  assert.is(bank.arena.used, before)
})

test('a failed request of a fork restores it, and leaves the original alone', () => {
  const bank = bankOf('plain')
  const text = { cache: new SequenceCache(layersOf(bank)), numbers: [] }
  add(bank, text, range(0, 64))
  const twin = fork(text, 64)
  twin.cache.begin()
  twin.cache.truncate(40)
  add(bank, { ...twin, numbers: [] }, range(800, 50))
  twin.cache.rollback()
  check(text, 'original')
  assert.is(twin.cache.length, 64)
  check({ ...twin, numbers: [...range(0, 40), ...range(800, 24)] }, 'a request replaces what it runs again')
})

test('without memory for another session nothing is taken', async () => {
  const bank = bankOf('plain')
  const text = { cache: new SequenceCache(layersOf(bank)), numbers: [] }
  add(bank, text, range(0, 70))
  const before = bank.arena.used
  const allocate = bank.arena.allocate.bind(bank.arena)
  for (let ranges = 0; ranges < 4; ranges++) {
    let left = ranges
    bank.arena.allocate = (bytes) => {
      if (left-- > 0) return allocate(bytes)
      throw new MemoryFull('no room')
    }
    assert.instance(await thrownBy((async () => text.cache.fork(70))()), NoRoom, `${ranges} ranges`)
    assert.is(bank.arena.used, before, `${ranges} ranges`)
  }
  bank.arena.allocate = allocate
  check(text, 'original')
})

for (const [window, state] of [
  [undefined, undefined],
  [WINDOW, 1],
] as const) {
  test(`random forks ${window ? 'with windows and running states ' : ''}keep their own rows, and leak nothing`, () => {
    const bank = bankOf('plain')
    const before = bank.arena.used
    const random = seededRandom(window ? 5 : 4)
    const below = (n: number) => Math.floor(random.nextFloat() * n)
    const texts: Text[] = []
    let number = 1
    for (let step = 0; step < 400; step++) {
      const text = texts[below(texts.length)]
      const kind = below(8)
      if (!text || (kind === 0 && texts.length < 8)) {
        texts.push({ cache: new SequenceCache(layersOf(bank, window, state)), numbers: [] })
      } else if (kind <= 2 && texts.length < 8) {
        texts.push(fork(text, below(text.numbers.length + 40)))
      } else if (kind === 3) {
        text.cache.truncate(below(text.numbers.length + 1))
        text.numbers.length = text.cache.length
      } else if (kind === 4) {
        text.cache.release()
        texts.splice(texts.indexOf(text), 1)
      } else {
        const count = 1 + below([3, 70][below(2)])
        add(bank, text, range(number, count))
        number += count
      }
      for (const [i, one] of texts.entries()) check(one, `step ${step}, text ${i}`)
    }
    for (const { cache } of texts) cache.release()
    assert.is(bank.arena.used, before)
  })
}

test.run()
