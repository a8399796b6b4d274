import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { repositoryPath } from '../support/fixtures.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { molm } from './molm.js'

/** Writes the beginnings of two kinds of text: a file, and a folder of two files. */
async function twoKinds(dir: string): Promise<string> {
  const texts = join(dir, 'texts')
  await mkdir(join(texts, 'prose'), { recursive: true })
  const beginning = async (name: string, from: number, to: number) =>
    (await readFile(repositoryPath(`test/fixtures/texts/${name}.txt`), 'utf8')).slice(from, to)
  await writeFile(join(texts, 'sums.txt'), await beginning('arithmetic', 0, 1500))
  await writeFile(join(texts, 'prose', 'one.txt'), await beginning('novels', 0, 1500))
  await writeFile(join(texts, 'prose', 'two.txt'), await beginning('novels', 1500, 3000))
  await writeFile(join(texts, '.hidden'), 'a hidden file')
  return texts
}

test('--atlas prints a table with the share of names that held', () =>
  inTemporaryFolder(async (dir) => {
    const texts = await twoKinds(dir)
    const files = [join(texts, 'prose'), join(texts, 'sums.txt')]
    const text = await molm(['experts', '--atlas', ...files, '--width', '100'])
    assert.is(text.code, 0, text.stderr)
    const lines = text.stdout.split('\n')
    assert.is(lines[0], 'Names of the experts of nano')
    assert.match(lines[1], /^\d+ of \d+ names held in the other half of the texts/)
    assert.ok(lines.includes('Layer 5, MLP experts'))
    assert.match(
      text.stdout,
      /Committee: experts among the fewest that do half of a layer’s work in each of the 3 texts/,
    )
    assert.ok(lines.every((line) => line.length <= 100))
  }))

test.run()
