import { readdir, readFile, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { convertModel } from '#molm/index.js'
import { pruneModel, readText } from '#molm/lab/index.js'
import type { Selection } from '#molm/lab/surgery/selection.js'
import type { GateSoftmax } from '#molm/model/config/expert-mask.js'
import { openPackedFile } from '#molm/model/packing/format/packed-file.js'
import { fixturePath } from '../../support/fixtures.js'
import { rejectsWithUserError } from '../../support/rejects.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'
import { assertPrunedAsMasked, assertRouterPruned } from './pruned-as-masked.js'

/** A model of 3 layers, with 4 attention and 8 MLP experts in each. */
const TINY = fixturePath('01-base-bin-f32')

test('a pruned model with mlp routers and gates of kept gives the masked model’s results', () =>
  assertRouterPruned('mlp', 'kept'))

for (const [name, gates, selection] of [
  ['81-lfm2moe-f32', 'kept', { mlp: [[], [0, 2, 5], [1, 2, 3, 4], [0, 1, 2, 3, 4, 5], [3, 5]] }],
  ['181-afmoe-f32', 'kept', { mlp: [[], [0, 2, 5, 7], [1, 2, 3], [0, 1, 2, 3, 4, 5, 6]] }],
  // With biases of its router and experts.
  [
    '71-gptoss-bf16-sharded',
    'kept',
    {
      mlp: [
        [0, 2, 5, 7],
        [1, 3, 4],
        [0, 1, 2, 3, 4, 6, 7],
      ],
    },
  ],
  // With layers that differ, and a gated shared expert.
  ['166-qwen3next-f32', 'kept', { mlp: [[0, 2, 5], [], [1, 2, 3, 4], [3, 6]] }],
] satisfies [string, GateSoftmax, Selection][]) {
  test(`${name} pruned with gates of ${gates} gives the masked model’s results`, () =>
    assertPrunedAsMasked(fixturePath(name), selection, gates))
}

test('kept experts keep their bytes, and nothing is left beside the model', () =>
  inTemporaryFolder(async (dir) => {
    const out = join(dir, 'pruned')
    const text = await readText(fixturePath('texts/code.txt'))
    const options = { calibrate: [{ ...text, text: text.text.slice(0, 1500) }], threads: 1 }
    const packed = join(dir, 'packed')
    await convertModel(TINY, packed, { threads: 1 })
    const pruned = await pruneModel(packed, out, { ...options, keep: 0.5, only: 'mlp', by: 'frequency' })
    assert.equal((await readdir(dir)).sort(), ['packed', 'pruned'])

    const { selection, bytes, gates } = pruned
    const [before, after] = await Promise.all(
      [join(packed, 'model-q4.molm.safetensors'), pruned.path].map(openPackedFile),
    )
    for (const [layer, ids] of (selection.mlp ?? []).entries()) {
      assert.is(ids.length, 4)
      for (const [i, id] of ids.entries()) {
        const kept = after.parts.get(`layers.${layer}.mlp.${i}`)
        assert.is(kept?.sha256, before.parts.get(`layers.${layer}.mlp.${id}`)?.sha256)
      }
    }
    assert.ok(bytes.after < bytes.before)
    const account = JSON.parse(await readFile(join(out, 'selection.json'), 'utf8'))
    assert.equal(account, {
      model: packed.split('/').at(-1),
      keep: 0.5,
      by: 'frequency',
      only: 'mlp',
      budget: 'layer',
      gates,
      ...selection,
    })
  }))

test('no or short texts, and the model’s own folder, are refused', () =>
  inTemporaryFolder(async (dir) => {
    const out = join(dir, 'out')
    const short = { name: 'short.txt', text: 'Too short. '.repeat(20) }
    const refuse = (calibrate: { name: string; text: string }[], pattern: RegExp) =>
      rejectsWithUserError(() => pruneModel(TINY, out, { calibrate, keep: 0.5, threads: 1 }), pattern)
    await refuse([], /needs a calibration text/)
    await refuse([short], /short\.txt: \d+ tokens to calibrate on .* at least 256/)
    assert.equal(await readdir(dir), [])
    const link = join(dir, 'link')
    await symlink(TINY, link, 'junction')
    await rejectsWithUserError(() => pruneModel(TINY, link, { calibrate: [short], keep: 0.5 }), /is the model itself/)
  }))

test.run()
