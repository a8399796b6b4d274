import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { loadAtlas, loadModel } from '#molm/index.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { assertAllRefused, molm } from './molm.js'
import { twoKinds } from './two-kinds.js'

test('--atlas names the experts by kinds of text, and -o keeps an atlas that loads', () =>
  inTemporaryFolder(async (dir) => {
    const texts = await twoKinds(dir, 1200, 900)
    const atlas = join(dir, 'atlas.json')
    const written = await molm(['experts', '--atlas', texts, '-o', atlas])
    assert.is(written.code, 0, written.stderr)
    assert.is(written.stdout, '')
    assert.match(written.stderr, /atlas\.json: \d+ of \d+ names held in the other half of the texts \([\d.]+ %\)/)
    const model = await loadModel('nano')
    try {
      const read = await loadAtlas(model, atlas)
      assert.equal(
        read?.texts.map(({ name }) => name),
        ['prose', 'sums'],
      )
      assert.ok(read && read.confirmed > 50, String(read?.confirmed))
    } finally {
      await model.dispose()
    }
  }))

test('an atlas of missing or empty texts is refused', () =>
  inTemporaryFolder(async (dir) => {
    const [none, short] = ['none', 'short.txt'].map((name) => join(dir, name))
    await mkdir(none)
    await writeFile(short, 'The lantern is lit.')
    await assertAllRefused('experts --atlas', [
      [[join(dir, 'missing.txt')], /missing\.txt: no such file/, 1],
      [[none], /none: there are no texts in this folder/, 1],
      [[short, '--file', short], /--atlas.*--file/],
    ])
  }))

test.run()
