import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from '#molm/ground/platform/checksums.js'
import { compileTokenizer } from '#molm/text/tokenizer/compile-tokenizer.js'
import { COMPILED_TOKENIZER } from '#molm/text/tokenizer/definition/tokenizer-definition.js'
import { bytesOf, type Files, replaced } from '../files.js'
import type { Format } from '../format.js'
import { harmBytes } from '../harm-bytes.js'
import { readWithTokenizer, tokenizerFiles } from '../tokenizer-files.js'

/** tokenizer.molm beside its tokenizer.json; half of the damaged files have the right checksum. */
export const compiledTokenizer: Format = {
  name: 'compiled-tokenizer',
  inputs: 1500,
  async prepare(dir) {
    const plain = tokenizerFiles()
    const folder = join(dir, 'compiled')
    await mkdir(folder, { recursive: true })
    await writeFile(join(folder, 'tokenizer.json'), bytesOf(plain, 'tokenizer.json'))
    const compiled = Buffer.concat((await compileTokenizer(folder)) ?? [])
    const files: Files = new Map([...plain, [COMPILED_TOKENIZER, compiled]])
    return {
      onDisk: true,
      sound: () => files,

      harm(files, chance) {
        const bytes = Uint8Array.from(harmBytes(bytesOf(files, COMPILED_TOKENIZER), chance))
        if (bytes.length >= 16 && chance.oneIn(2)) {
          chance.note(`${COMPILED_TOKENIZER}: its checksum is right`)
          new DataView(bytes.buffer).setUint32(8, crc32(bytes.subarray(12)), true)
        }
        return replaced(files, COMPILED_TOKENIZER, bytes)
      },

      read: readWithTokenizer,
    }
  },
}
