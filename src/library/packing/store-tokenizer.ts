import { rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { writeAtomically } from '../../ground/files/write-atomically.js'
import { COMPILED_TOKENIZER } from '../../text/tokenizer/definition/tokenizer-definition.js'

/** Smallest tokenizer.json, in bytes, to compile. It has some 20 thousand tokens, which are read in 60 ms. */
const LEAST_BYTES = 2 ** 20

/**
 * Writes tokenizer.molm next to a large tokenizer.json, so that the model starts faster. Removes one that belongs to
 * another tokenizer.json. Errors are ignored: the model runs without the file.
 */
export async function storeTokenizer(folder: string): Promise<void> {
  const path = join(folder, COMPILED_TOKENIZER)
  try {
    // Imported on demand: the library's start must not wait for it.
    const { compileTokenizer, readCompiledTokenizer } = await import('../../text/tokenizer/compile-tokenizer.js')
    if (await readCompiledTokenizer(folder)) return
    await rm(path, { force: true })
    if ((await stat(join(folder, 'tokenizer.json'))).size < LEAST_BYTES) return
    const pieces = await compileTokenizer(folder)
    if (pieces) await writeAtomically(path, pieces)
  } catch {}
}
