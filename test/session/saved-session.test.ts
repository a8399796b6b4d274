import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Model } from '#molm/api/model.js'
import type { ModuleFormerConfig } from '#molm/architectures/moduleformer.js'
import { importSequence } from '#molm/engine/saved-sequence.js'
import { Sequence } from '#molm/engine/sequence.js'
import { loadModel, type SavedSequence } from '#molm/index.js'
import { cacheRowBytes } from '#molm/runtime/memory/formats.js'
import { fixturePath } from '../support/fixtures.js'
import { withLoaded } from '../support/loaded-model.js'
import { rejectsWithUserError } from '../support/rejects.js'
import { exportOf, runTask } from '../support/run-task.js'

const context: { nano?: Model } = {}
const test = suite('saved session', context)

test.before(async (context) => {
  context.nano = await loadModel('nano', { threads: 1 })
})
test.after(async ({ nano }) => nano?.dispose())

function nanoOf({ nano }: typeof context): Model {
  if (!nano) throw new Error('nano is not loaded')
  return nano
}

test('a restored session continues bit for bit as the saved one', async (context) => {
  const model = nanoOf(context)
  const tokens = model.tokenizer.encode('It was the best of times. '.repeat(12))
  assert.ok(tokens.length > 64, 'more than two pages of the cache')
  const session = model.createSession()
  await session.forward(tokens, { logits: 'none' })
  const saved = await session.save()
  assert.equal([...saved.tokens], tokens)
  const expected = await session.forward([5, 9, 2])
  const other = model.createSession()
  await other.forward([1, 2, 3], { logits: 'none' })
  await other.restore(saved)
  assert.is(other.length, tokens.length)
  assert.equal((await other.forward([5, 9, 2])).logits, expected.logits)
})

test('a session that has forgotten its beginning is restored without it', async (context) => {
  const model = nanoOf(context)
  const session = model.createSession()
  for await (const _ of session.generate('Once upon a time', {
    maxTokens: 60,
    context: 16,
    seed: 1,
    ignoreEos: true,
    stop: [],
  }));
  const saved = await session.save()
  assert.is(saved.oldest, saved.tokens.length - 16)
  const other = model.createSession()
  await other.restore(saved)
  assert.equal((await other.forward([7])).logits, (await session.forward([7])).logits)
})

test('keys that are also the values are saved once', async () => {
  const model = await loadModel(fixturePath('11-molm-like-bin-bf16-sharded'), { threads: 1 })
  try {
    const session = model.createSession()
    await session.forward([1, 2, 3], { logits: 'none' })
    const saved = await session.save()
    const { layers, attentionHidden } = model.config as ModuleFormerConfig
    assert.is(saved.rows.length, 3 * layers * attentionHidden)
    const expected = await session.forward([4])
    const other = model.createSession()
    await other.restore(saved)
    assert.equal((await other.forward([4])).logits, expected.logits)
  } finally {
    await model.dispose()
  }
})

test('a saved session with a cache of q8 is restored bit for bit, and refused by a model with another cache', async (context) => {
  const nano = nanoOf(context)
  const model = await loadModel('nano', { threads: 1, cacheType: 'q8' })
  try {
    const session = model.createSession()
    await session.forward(
      Array.from({ length: 70 }, (_, i) => 40 + i),
      { logits: 'none' },
    )
    const saved = await session.save()
    assert.is(saved.cacheType, 'q8')
    const other = model.createSession()
    await other.restore(saved)
    assert.equal((await other.forward([7])).logits, (await session.forward([7])).logits)
    const plain = nano.createSession()
    await rejectsWithUserError(
      () => plain.restore(saved),
      /has a cache of q8, and this model one of bf16: load it with `cacheType` q8/,
    )
    await rejectsWithUserError(
      () => plain.restore({ ...saved, cacheType: 'q4' as 'q8' }),
      /what save gave: q8, or absent/,
    )
    await plain.forward([1, 2, 3], { logits: 'none' })
    await rejectsWithUserError(
      async () => other.restore(await plain.save()),
      /has a cache of floats, and this model one of q8: load it with `cacheType` bf16/,
    )
    await rejectsWithUserError(
      async () => plain.importCache(await other.exportCache()),
      /is of q8, and that of this model is not/,
    )
  } finally {
    await model.dispose()
  }
})

/** Checksums of saved sessions: other bytes would make those that users have unreadable. */
const CHECKSUMS = [
  ['01-base-bin-f32', 'f32', undefined, 'd6beb1a2'],
  ['11-molm-like-bin-bf16-sharded', 'q4', 'bf16', 'b3ebea50'],
  ['22-granitemoe-bf16-sharded', 'q4', 'q8', 'e9213c18'],
  ['71-gptoss-bf16-sharded', 'q4', 'q8', '77c7d16a'],
  ['82-lfm2moe-bf16-sharded', 'q4', 'bf16', '220baf16'],
] as const

test('saved sessions keep their bytes', async () => {
  for (const [name, quant, cacheType, checksum] of CHECKSUMS) {
    await withLoaded(fixturePath(name), { quant, cacheType }, ({ model }) => {
      const tokens = Int32Array.from({ length: 75 }, (_, i) => (i * 31) % 60)
      const sequence = new Sequence(model)
      const looks = { routes: false, probabilities: false, hidden: false }
      const request = { kind: 'forward', session: 0, tokens, logits: 'none', ...looks } as const
      runTask(model, sequence.forward(request, new Int32Array(1)))
      const saved = exportOf(sequence)
      assert.is(saved.checksum, checksum, name)
      const other = new Sequence(model)
      importSequence(other, structuredClone(saved))
      assert.equal(exportOf(other), saved)
    })
  }
})

test('a restore leaves the saved session to its owner, also one whose rows are part of a buffer', async (context) => {
  const session = nanoOf(context).createSession()
  await session.forward([5, 9, 2, 4], { logits: 'none' })
  const saved = await session.save()
  const { length } = saved.rows
  const buffer = new Float32Array(length + 10)
  buffer.set(saved.rows, 3)
  const part = { ...saved, rows: buffer.subarray(3, 3 + length) }
  for (const given of [part, saved, saved]) {
    const other = nanoOf(context).createSession()
    await other.restore(given)
    assert.is(given.rows.length, length)
    assert.equal(await other.save(), saved)
  }
})

test('a saved session that does not fit the model is refused and leaves the session unchanged', async (context) => {
  const model = nanoOf(context)
  const session = model.createSession()
  await session.forward([5, 9, 2, 4])
  const saved = await session.save()
  const { tokens, oldest, rows } = saved
  const refused: [unknown, RegExp][] = [
    [{ tokens: tokens.slice(1), oldest, rows }, /does not fit its tokens/],
    [{ tokens, oldest: 1, rows }, /does not fit its tokens/],
    [{ tokens, oldest, rows: new Float32Array(5) }, /another model/],
    [{ tokens: Int32Array.of(4096, 1, 2, 3), oldest, rows }, /outside the model's vocabulary/],
    [{ tokens: [5, 9, 2, 4], oldest, rows }, /needs what save gave/],
    [{ tokens, oldest, rows: [...rows] }, /needs what save gave/],
    [{ ...saved, checksum: 1 }, /`checksum` must be the text that save gave/],
    [{}, /needs what save gave/],
    [undefined, /needs what save gave/],
    [null, /needs what save gave/],
  ]
  // Some of these once kept the engine busy for ever; others took memory for needless positions.
  for (const wrong of [-1000, -1, 0.5, Number.NaN, Infinity, -Infinity, 5, 1e15, 4e9, undefined, {}]) {
    refused.push([{ tokens, oldest: wrong, rows }, /oldest position is .* of 4/])
  }
  for (const [wrong, pattern] of refused) {
    await rejectsWithUserError(() => session.restore(wrong as SavedSequence), pattern)
    assert.is(session.length, 4)
  }
  assert.equal(await session.save(), saved)
})

test('a damaged saved session is refused and leaves the session unchanged', async (context) => {
  const session = nanoOf(context).createSession()
  await session.forward([5, 9, 2, 4])
  const saved = await session.save()
  const changed = <T extends Int32Array | Float32Array>(numbers: T, at: number, value: number): T => {
    const copy = numbers.slice() as T
    copy[at] = value
    return copy
  }
  const { rows, tokens, oldest } = saved
  const damaged: SavedSequence[] = [
    { ...saved, rows: changed(rows, 7, rows[7] + 1) },
    { ...saved, rows: changed(rows, rows.length - 1, Number.NaN) },
    { ...saved, tokens: changed(tokens, 1, 8) },
    { ...saved, oldest: 1 },
    { ...saved, checksum: '00000000' },
  ]
  for (const wrong of damaged) {
    await rejectsWithUserError(() => session.restore(wrong), /saved session is damaged: it does not match its checksum/)
  }
  for (const wrong of [Number.NaN, -Number.NaN, Infinity, -Infinity]) {
    const without = { tokens, oldest, rows: changed(rows, rows.length - 1, wrong) }
    await rejectsWithUserError(() => session.restore(without), /its rows are not all finite/)
  }
  const withNaN = { tokens, oldest, rows: changed(rows, 7, Number.NaN) }
  await rejectsWithUserError(() => session.restore(withNaN), /saved session is damaged: its rows are not all finite/)
  assert.equal(await session.save(), saved)
  await session.restore({ tokens, oldest, rows })
  assert.equal(await session.save(), saved, 'a session that was saved without a checksum is restored')
})

test('a session takes memory only for the positions that it has not forgotten', async (context) => {
  const model = nanoOf(context)
  const before = (await model.stats()).cacheBytes
  const session = model.createSession()
  const { rows } = await (async () => {
    await session.forward([5, 9, 2, 4], { logits: 'none' })
    return session.save()
  })()
  session.dispose()
  const tokens = new Int32Array(100_000).fill(7)
  const other = model.createSession()
  await other.restore({ tokens, oldest: tokens.length - 4, rows })
  assert.is(other.length, 100_000)
  // One page of 32 positions, or two, for keys and values of six layers.
  const pages = ((await model.stats()).cacheBytes - before) / (6 * 2 * 32 * cacheRowBytes(128, 'bf16'))
  assert.ok(pages <= 2, `${pages} pages`)
  other.dispose()
})

test('the probabilities of all experts sum to one and include the gates', async (context) => {
  const model = nanoOf(context)
  const tokens = model.tokenizer.encode('The old man and the sea. '.repeat(50))
  const { routes = [] } = await model
    .createSession()
    .forward(tokens, { logits: 'none', routes: true, probabilities: true })
  for (const layer of routes) {
    for (const { ids, gates, probabilities = new Float32Array(0) } of Object.values(layer)) {
      const experts = probabilities.length / tokens.length
      const k = ids.length / tokens.length
      for (const token of [0, 255, 256, tokens.length - 1]) {
        const row = probabilities.subarray(token * experts, (token + 1) * experts)
        assert.ok(Math.abs(row.reduce((sum, p) => sum + p) - 1) < 1e-6)
        for (let slot = 0; slot < k; slot++) assert.is(row[ids[token * k + slot]], gates[token * k + slot])
        assert.is(Math.max(...row), gates[token * k])
      }
    }
  }
})

test.run()
