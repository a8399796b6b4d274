import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { seededRandom } from '#molm/engine/sampling/random.js'
import type { LayerCache } from '#molm/model/layers/cache/layer-cache.js'
import { SequenceCache } from '#molm/model/layers/cache/sequence-cache.js'
import { valuesIn } from '../../../support/cache-copies.js'
import { bankOf, placeRows } from '../../../support/kernel-bench.js'

/* A cache whose drafts are taken back equals the cache of a text without drafts: rows, states, checkpoints, cuts. */
const test = suite('drafts in a cache')

const CHANNELS = 8
const INTERVAL = 8
const bank = bankOf('plain')

const ALL: LayerCache = { rows: { channels: CHANNELS, shared: true } }
const WINDOW: LayerCache = { rows: { channels: CHANNELS, shared: true, window: 20 } }
const NARROW: LayerCache = { rows: { channels: CHANNELS, shared: true, window: 3 } }
const STATE: LayerCache = { state: 3 }
const SHAPES: Record<string, LayerCache[]> = {
  'all positions': [ALL],
  'a window': [WINDOW],
  'two windows beside all positions': [WINDOW, ALL, NARROW],
  'a running state': [STATE],
  'all kinds of layers': [STATE, ALL, WINDOW, {}, STATE],
}

/** A cache whose rows and states encode their positions. */
class Text {
  readonly cache: SequenceCache

  constructor(private readonly layers: LayerCache[]) {
    this.cache = new SequenceCache(layers.map((layer) => ({ ...layer, bank, format: 'f32' })))
  }

  /** Runs tokens; the last `drafts` are drafts. Those that are wrong have other rows and states. */
  run(tokens: number, drafts = 0, right = 0): void {
    const { cache, layers } = this
    const { length } = cache
    const given = length + tokens - drafts
    const codeOf = (position: number) => (position < given + right ? position : -position)
    const marks = Array.from({ length: tokens }, (_, i) => length + i + 1).filter((at) => at % INTERVAL === 0)
    cache.begin()
    cache.reserve(tokens - drafts)
    cache.reserve(tokens)
    cache.mark(marks, tokens, drafts)
    const floats = Float32Array.from({ length: tokens * CHANNELS }, (_, i) => codeOf(length + Math.floor(i / CHANNELS)))
    const rows = placeRows(bank, floats, CHANNELS)
    for (const [layer, { rows: kept, state }] of layers.entries()) {
      if (kept) cache.append(layer, 0, tokens, rows, rows)
      if (!state) continue
      const { before, after } = cache.stateOf(layer)
      assert.is(bank.f32[before / 4], length, 'the state before')
      bank.f32.fill(codeOf(length + tokens - 1) + 1, after / 4, after / 4 + state)
      for (const { after, state } of cache.marksOf(layer)) state.fill(codeOf(length + after - 1) + 1)
    }
    bank.arena.release(rows.address, tokens * CHANNELS * 4)
    cache.advance(tokens)
    cache.commit()
    cache.takeBack(drafts - right)
  }
}

for (const [name, layers] of Object.entries(SHAPES)) {
  test(`leave no trace when they are taken back: ${name}`, () => {
    const random = seededRandom(3)
    const below = (most: number) => Math.floor(random.nextFloat() * most)
    for (let round = 0; round < 12; round++) {
      const [drafting, plain] = [new Text(layers), new Text(layers)]
      const steps: string[] = []
      for (let step = 0; step < 12; step++) {
        const tokens = below(3) === 0 ? 1 + below(60) : 1
        const drafts = 1 + below(18)
        const right = [0, drafts, below(drafts + 1)][below(3)]
        drafting.run(tokens + drafts, drafts, right)
        plain.run(tokens)
        for (let i = 0; i < right; i++) plain.run(1)
        steps.push(`${tokens} and ${right} of ${drafts}`)
        const { length } = plain.cache
        if (below(2) === 0) {
          const cut = below(below(3) === 0 ? 4 : 40)
          for (const { cache } of [drafting, plain]) cache.truncate(Math.max(0, length - cut))
          steps.push(`cut ${cut}`)
        }
        const said = `round ${round}: ${steps.join(', ')}`
        assert.is(drafting.cache.length, plain.cache.length, said)
        assert.equal(drafting.cache.checkpoints.positions, plain.cache.checkpoints.positions, said)
        assert.equal(valuesIn(drafting.cache), valuesIn(plain.cache), said)
      }
      for (const { cache } of [drafting, plain]) cache.release()
    }
  })
}

test('end with the request that ran them, if it fails', () => {
  for (const layers of Object.values(SHAPES)) {
    const { cache } = new Text(layers)
    cache.begin()
    cache.reserve(40)
    cache.mark([], 40, 15)
    cache.advance(40)
    cache.rollback()
    cache.takeBack(15)
    assert.is(cache.length, 0)
  }
})

test('are few if the states after them take much memory', () => {
  const cacheOf = (layer: LayerCache) => new SequenceCache([{ ...layer, bank, format: 'f32' }])
  assert.is(cacheOf(WINDOW).mostDrafts, Number.POSITIVE_INFINITY)
  assert.is(cacheOf({ state: 2 ** 20 }).mostDrafts, 4)
})

test.run()
