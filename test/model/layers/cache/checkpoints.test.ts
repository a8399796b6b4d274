import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { seededRandom } from '#molm/engine/sampling/random.js'
import { cacheRowBytes } from '#molm/kernels/memory/formats.js'
import { Checkpoints, mostCheckpoints } from '#molm/model/layers/cache/checkpoints.js'
import { SequenceCache } from '#molm/model/layers/cache/sequence-cache.js'
import { copyOf, putInto, valuesIn } from '../../../support/cache-copies.js'
import { tuples } from '../../../support/combinations.js'
import { bankOf, placeRows } from '../../../support/kernel-bench.js'
import { rejectsWithUserError } from '../../../support/rejects.js'

const test = suite('checkpoints of a sequence')

const CHANNELS = 32
const WINDOW = 40
const STATE = 3
const PAGE_BYTES = 32 * cacheRowBytes(CHANNELS, 'f32')

/** A sequence with a layer of each kind: all keys, a window of them, a running state, and nothing. */
class Bench {
  readonly bank = bankOf('plain')
  cache = this.create()

  create(): SequenceCache {
    const { bank } = this
    return new SequenceCache([
      { bank, format: 'f32', rows: { channels: CHANNELS, shared: true } },
      { bank, format: 'f32', rows: { channels: CHANNELS, shared: true, window: WINDOW } },
      { bank, format: 'f32', state: STATE },
      { bank, format: 'f32' },
    ])
  }

  /** Runs a batch with rows and states that encode their position. */
  add(tokens: number, marks: readonly number[] = [], fails = false): void {
    const { bank, cache } = this
    const { length } = cache
    cache.reserve(tokens)
    cache.mark(marks, tokens)
    const floats = Float32Array.from({ length: tokens * CHANNELS }, (_, i) => length + Math.floor(i / CHANNELS))
    const rows = placeRows(bank, floats, CHANNELS)
    for (const layer of [0, 1]) cache.append(layer, 0, tokens, rows, rows)
    bank.arena.release(rows.address, tokens * CHANNELS * 4)
    const { before, after } = cache.stateOf(2)
    assert.is(bank.f32[before / 4], length, 'the state before the batch')
    bank.f32.fill(length + tokens, after / 4, after / 4 + STATE)
    for (const { after, state } of cache.marksOf(2)) state.fill(length + after)
    if (!fails) cache.advance(tokens)
  }

  /** Checks that the next token would see the right rows and state. */
  check(what: string): void {
    const { cache } = this
    const { length } = cache
    const rows = valuesIn(cache)
    const other = this.create()
    putInto(other, copyOf(cache))
    assert.equal(copyOf(other), copyOf(cache), `${what}: saved and restored`)
    other.release()
    for (let i = 0; i < length; i++) assert.is(rows[i * CHANNELS], i, `${what}: row ${i}`)
    const seen = rows.subarray(length * CHANNELS, rows.length - STATE * (1 + cache.checkpoints.positions.length))
    const window = Array.from({ length: Math.min(length, WINDOW - 1) }, (_, i) => length - 1 - i)
    // The window's last rows come last, if no checkpoint is later.
    const last = Array.from({ length: window.length }, (_, i) => seen[seen.length - (1 + i) * CHANNELS])
    assert.equal(last, window, `${what}: the window`)
    assert.is(this.bank.f32[cache.stateOf(2).before / 4], length, `${what}: the state`)
    for (const [i, position] of cache.checkpoints.positions.entries()) {
      const at = rows.length - STATE * (cache.checkpoints.positions.length - i)
      assert.is(rows[at], position, `${what}: the state of checkpoint ${position}`)
    }
  }
}

test('a sequence is cut back to the last checkpoint, or to its beginning', () => {
  const bench = new Bench()
  bench.add(100, [30, 77])
  bench.add(50, [150])
  const { cache } = bench
  cache.truncate(149)
  assert.is(cache.length, 100, 'the states of the last batch are still there')
  bench.check('149')
  cache.truncate(90)
  assert.is(cache.length, 77)
  bench.check('90')
  bench.add(10)
  cache.truncate(77)
  assert.is(cache.length, 77)
  cache.truncate(76)
  assert.is(cache.length, 30)
  bench.check('76')
  cache.truncate(29)
  assert.is(cache.length, 0)
  assert.equal(cache.checkpoints.positions, [])
  bench.add(5)
  bench.check('from the beginning')
})

test('a window keeps its last positions, and a little more, however long the text is', () => {
  const bench = new Bench()
  for (let i = 0; i < 100; i++) bench.add(64)
  const { cache } = bench
  const states = 2 * 4 * STATE
  const pages = (cache.bytes - states) / PAGE_BYTES - 6400 / 32
  assert.ok(pages <= 1 + (WINDOW + 32) / 32, `${pages} pages`)
  assert.is(cache.needsCheckpoints, true)
})

test('a window alone can lose a few tokens without a checkpoint', () => {
  const bank = bankOf('plain')
  const cache = new SequenceCache([{ bank, format: 'f32', rows: { channels: CHANNELS, shared: true, window: WINDOW } }])
  cache.reserve(500)
  cache.advance(500)
  cache.truncate(470)
  assert.is(cache.length, 470)
  cache.truncate(100)
  assert.is(cache.length, 0)
})

test('checkpoints beyond the limit are thinned out evenly; the first and the newest stay', () => {
  const checkpoints = new Checkpoints(6)
  for (let position = 10; position <= 1000; position += 10) checkpoints.add({ position, state: new Float32Array(1) })
  const { positions } = checkpoints
  assert.is(positions.length, 6)
  assert.is(positions[0], 10)
  assert.is(positions.at(-1), 1000)
  const gaps = positions.slice(1, -1).map((position, i) => position - positions[i])
  assert.ok(Math.max(...gaps) <= 600, `${positions}`)
  checkpoints.add({ position: 1000, state: new Float32Array([5]) })
  assert.is(checkpoints.at(1000)?.state[0], 5)
  assert.is(checkpoints.positions.length, 6)
})

test('of few checkpoints the end of the last question stays, however long its answer is', () => {
  const checkpoints = new Checkpoints(3)
  const add = (position: number, inPrompt: boolean) =>
    checkpoints.add({ position, state: new Float32Array(1), inPrompt })
  for (const position of [50, 80, 85]) add(position, true)
  for (let position = 128; position < 2000; position += 64) add(position, false)
  assert.equal(checkpoints.positions, [50, 80, 1984])
  for (const position of [2000, 2040]) add(position, true)
  assert.equal(checkpoints.positions, [50, 2000, 2040])
  add(2100, false)
  assert.equal(checkpoints.positions, [50, 2040, 2100])
})

test('few checkpoints are no neighbours, and many may be', () => {
  const positions = [500, 506, 507, 530]
  assert.equal(new Checkpoints(3).worthy(positions), [500, 507, 530])
  assert.equal(new Checkpoints(6).worthy(positions), positions)
  const old = new Checkpoints(3)
  old.add({ position: 495, state: new Float32Array(1) })
  assert.equal(old.worthy([500, 506, 511, 512]), [511])
})

test('few checkpoints are kept if each takes much memory', () => {
  const bank = bankOf('plain')
  assert.is(mostCheckpoints([{ bank, format: 'f32', state: 1000 }]), 32)
  assert.is(mostCheckpoints([{ bank, format: 'f32', state: 1e7 }]), 3)
})

test('large states take one place between requests', () => {
  const bytes = 20 * 2 ** 20
  const cache = new SequenceCache([{ bank: bankOf('plain'), format: 'f32', state: bytes / 4 }])
  cache.begin()
  for (let i = 0; i < 3; i++) {
    cache.reserve(1)
    cache.advance(1)
  }
  assert.is(cache.bytes, 3 * bytes)
  cache.commit()
  assert.is(cache.bytes, bytes)
  cache.truncate(2)
  assert.is(cache.length, 0)
})

test('checkpoints of a saved cache that are out of order or outside its positions are refused', async () => {
  const bench = new Bench()
  for (const checkpoints of tuples('77x30 30x30 30x101 10x77 30.5x77')) {
    await rejectsWithUserError(
      () => bench.create().prepareFor({ start: 20, end: 100, checkpoints }),
      /does not fit its tokens/,
    )
  }
})

test('any order of growing, cutting back, failing, saving and loading keeps the right rows and states', () => {
  const random = seededRandom(7)
  const next = (below: number) => Math.floor(random.nextFloat() * below)
  for (let round = 0; round < 30; round++) {
    const bench = new Bench()
    const { used } = bench.bank.arena
    for (let step = 0; step < 40; step++) {
      const what = next(6)
      const { length } = bench.cache
      if (what === 0) {
        const wanted = next(length + 10)
        const positions = bench.cache.checkpoints.positions
        bench.cache.truncate(wanted)
        const known = positions.reduce((most, position) => (position <= wanted ? position : most), 0)
        assert.ok(bench.cache.length >= Math.min(known, length) && bench.cache.length <= Math.max(wanted, 0))
      } else if (what === 1) {
        const saved = copyOf(bench.cache)
        bench.cache.release()
        bench.cache = bench.create()
        putInto(bench.cache, saved)
      } else {
        bench.cache.begin()
        for (let i = next(3); i >= 0; i--) {
          const tokens = 1 + next(100)
          const marks = [1, 2].map(() => bench.cache.length + next(tokens + 20)).sort((a, b) => a - b)
          bench.add(tokens, marks, next(6) === 0)
        }
        if (what < 4) bench.cache.commit()
        else bench.cache.rollback()
        if (what >= 4) assert.is(bench.cache.length, length)
      }
      bench.check(`round ${round}, step ${step}`)
    }
    bench.cache.release()
    assert.ok(bench.bank.arena.used < used, 'all memory is free again')
  }
})

test.run()
