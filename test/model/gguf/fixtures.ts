import { createHash } from 'node:crypto'
import { localFolder } from '#molm/model/checkpoint/checkpoint.js'
import { type GgufFile, openGguf } from '#molm/model/gguf/file/gguf-file.js'
import { fixturePath } from '../../support/fixtures.js'

/** Folders of GGUF files in test/fixtures/gguf. */
export const GGUF_FIXTURES = ['granitemoe-all-types', 'qwen3moe-q4_k_m', 'olmoe-q4_0-split', 'gptoss-mxfp4']

/** Opens the first GGUF file of a fixture's folder. */
export async function openFixture(folder: string): Promise<GgufFile> {
  const files = localFolder(fixturePath(`gguf/${folder}`))
  return openGguf(files, (await files.list()).find((name) => name.endsWith('.gguf')) ?? '')
}

export function sha256Of({ buffer, byteOffset, byteLength }: Float32Array): string {
  return createHash('sha256')
    .update(new Uint8Array(buffer, byteOffset, byteLength))
    .digest('hex')
}
