import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { loadAtlas, loadModel } from '#molm/index.js'
import { repositoryPath } from '../support/fixtures.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { assertRefused, molm } from './molm.js'

/** Writes the beginnings of two kinds of text: a file, and a folder of two files. */
async function twoKinds(dir: string): Promise<string> {
  const texts = join(dir, 'texts')
  await mkdir(join(texts, 'prose'), { recursive: true })
  const beginning = async (name: string, from: number, to: number) =>
    (await readFile(repositoryPath(`test/fixtures/texts/${name}.txt`), 'utf8')).slice(from, to)
  await writeFile(join(texts, 'sums.txt'), await beginning('arithmetic', 0, 1200))
  await writeFile(join(texts, 'prose', 'one.txt'), await beginning('novels', 0, 900))
  await writeFile(join(texts, 'prose', 'two.txt'), await beginning('novels', 900, 1800))
  await writeFile(join(texts, '.hidden'), 'a hidden file')
  return texts
}

test('--atlas names the experts by kinds of text, and -o keeps an atlas that loads', () =>
  inTemporaryFolder(async (dir) => {
    const texts = await twoKinds(dir)
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
    const [missing, empty, both] = await Promise.all([
      molm(['experts', '--atlas', join(dir, 'missing.txt')]),
      molm(['experts', '--atlas', none]),
      molm(['experts', '--atlas', short, '--file', short]),
    ])
    assertRefused(missing, 1, /missing\.txt: no such file/)
    assertRefused(empty, 1, /none: there are no texts in this folder/)
    assertRefused(both, 2, /--atlas.*--file/)
  }))

test.run()
