import { readFile } from 'node:fs/promises'
import type { TeachOptions } from '#molm/lab/index.js'
import { fixturePath } from '../../support/fixtures.js'

/** Words that nano has never seen, with a pattern that a short training can learn. */
const STRANGE = 'Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich. '

export const keepText = async (length = 400) => ({
  name: 'novels.txt',
  text: (await readFile(fixturePath('texts/novels.txt'), 'utf8')).slice(0, length),
})

/** Options of a short training; its text repeats a sentence `times` times. */
export async function quick(out: string, options: Partial<TeachOptions> = {}, times = 12): Promise<TeachOptions> {
  return {
    out,
    texts: [{ name: 'strange.txt', text: STRANGE.repeat(times) }],
    keepTexts: [await keepText()],
    layers: 'last:1',
    batch: 64,
    steps: 10,
    threads: 1,
    learningRate: 0.01,
    ...options,
  }
}
