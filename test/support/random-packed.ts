import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sha256Hex } from '#molm/ground/platform/checksums.js'
import { paddedTokenizer } from '#molm/library/random-model.js'
import { layoutOf, parseConfig, publishedFormats } from '#molm/model/families/index.js'
import { publishedShape } from '#molm/model/families/published-shapes.js'
import { createPackedFile } from '#molm/model/packing/write/packed-file-writer.js'
import { fillRandom, randomPool } from '#molm/model/weights/random-weights.js'

/**
 * Writes a packed model of random weights to a folder: `layers` layers of MoLM-350M-4B, with some 90 MB of experts in
 * each. Resolves with the bytes of its weights.
 */
export async function writeRandomPacked(dir: string, layers: number): Promise<number> {
  const { raw } = publishedShape('350m-4b')
  const config = parseConfig({ ...raw, n_layer: layers }, 'config.json')
  const formats = publishedFormats(config, 'q4')
  const layout = layoutOf(config, formats)
  const files = { ...(await paddedTokenizer(config.vocabSize)), 'config.json': JSON.stringify(config.raw) }
  for (const [name, text] of Object.entries(files)) await writeFile(join(dir, name), text)
  const hash = sha256Hex(new TextEncoder().encode(files['config.json']))
  const meta = { quant: 'q4' as const, formats, source: 'random weights', files: { 'config.json': hash } }
  const file = await createPackedFile(join(dir, 'model-q4.molm.safetensors'), layout, meta)
  const pool = randomPool()
  for (const part of layout.parts) {
    const bytes = new Uint8Array(part.bytes)
    fillRandom(part, bytes, pool)
    await file.write(part, bytes)
  }
  await file.finish()
  return layout.bytes
}
