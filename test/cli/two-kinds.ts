import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fixturePath } from '../support/fixtures.js'

/** Writes the beginnings of two kinds of text: a file, and a folder of two files of `half` characters each. */
export async function twoKinds(dir: string, sums: number, half: number): Promise<string> {
  const texts = join(dir, 'texts')
  await mkdir(join(texts, 'prose'), { recursive: true })
  const [arithmetic, novels] = await Promise.all(
    ['arithmetic', 'novels'].map((name) => readFile(fixturePath(`texts/${name}.txt`), 'utf8')),
  )
  await writeFile(join(texts, 'sums.txt'), arithmetic.slice(0, sums))
  await writeFile(join(texts, 'prose', 'one.txt'), novels.slice(0, half))
  await writeFile(join(texts, 'prose', 'two.txt'), novels.slice(half, 2 * half))
  await writeFile(join(texts, '.hidden'), 'a hidden file')
  return texts
}
