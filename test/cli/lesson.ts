import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import { convertModel } from '#molm/index.js'
import { TINY } from './molm.js'

/** Tests of `molm teach`, with a model of 3 layers with random weights that is packed once for all of them. */
export function teachSuite() {
  const test = suite<{ folder: string; tiny: string }>('teach')
  test.before(async (context) => {
    context.folder = await mkdtemp(join(tmpdir(), 'molm-cli-teach-'))
    context.tiny = join(context.folder, 'tiny')
    await convertModel(TINY, context.tiny, { threads: 1 })
  })
  test.after(({ folder }) => rm(folder, { recursive: true, force: true }))
  return test
}

export const STRANGE = 'Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich. '

/** Options for a short training, in steps of `batch` tokens, on a text that is written to `dir`. */
export async function lesson(dir: string, { repeats, batch }: { repeats: number; batch: number }): Promise<string[]> {
  const [text, kept] = ['strange.txt', 'kept.txt'].map((name) => join(dir, name))
  await writeFile(text, STRANGE.repeat(repeats))
  await writeFile(kept, 'The lantern is lit, and the whale is seen at last. '.repeat(40))
  return ['--text', text, '--keep-text', kept, '--layers', 'last:1', '--batch', String(batch)]
}
