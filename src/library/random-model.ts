import { existsSync } from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { LoadOptions, Model } from '../api/model.js'
import { UserError } from '../ground/errors.js'
import { makeFolder } from '../ground/files/folders.js'
import { writeAtomically } from '../ground/files/write-atomically.js'
import { layoutOf, publishedFormats } from '../model/families/index.js'
import { type PublishedShape, publishedShape } from '../model/families/published-shapes.js'
import { checksumsOf } from '../model/packing/format/checksums.js'
import type { Quant } from '../model/packing/format/formats.js'
import { createPackedFile } from '../model/packing/write/packed-file-writer.js'
import { fillRandom, randomPool } from '../model/weights/random-weights.js'
import { modelFiles } from './files/model-files.js'
import { shippedFolder } from './folders/model-folders.js'
import { startHere } from './load-model.js'
import { checkLoadOptions } from './packing/load-options.js'
import { storeTokenizer } from './packing/store-tokenizer.js'

export interface RandomModelOptions extends LoadOptions {
  /**
   * Whether stick-breaking attention (ModuleFormer) visits thousands of keys. Otherwise it stops after some 30, so that
   * long texts cost it nothing. For packings in q4 and q8. Default: false.
   */
  hasLongSticks?: boolean
}

/** Makes a model of a published size with random weights in memory, to measure speed without a download. */
export function loadRandomModel(
  shape: PublishedShape,
  { hasLongSticks = false, ...options }: RandomModelOptions = {},
): Promise<Model> {
  checkLoadOptions(options)
  const { quant = 'q4' } = options
  const config = publishedShape(shape)
  const where = { name: shape, folder: '', path: '', kind: 'random', hasLongSticks } as const
  const found = modelFiles({ ...where, quant, formats: publishedFormats(config, quant), config })
  return startHere(found, options)
}

/**
 * Writes a model with random weights as a packed file, with a config.json and nano's tokenizer beside it, so that all
 * commands run with it. Rejects with a UserError if one of these files exists. Resolves with the bytes of weights.
 */
export async function writeRandomModel(shape: PublishedShape, quant: Quant, path: string): Promise<number> {
  const config = publishedShape(shape)
  const folder = dirname(resolve(path))
  const formats = publishedFormats(config, quant)
  const layout = layoutOf(config, formats)
  const companions = {
    ...(await paddedTokenizer(config.vocabSize)),
    'config.json': `${JSON.stringify(config.raw, null, 2)}\n`,
  }
  const there = Object.keys(companions).find((name) => existsSync(join(folder, name)))
  if (there) throw new UserError(`${join(folder, there)} exists already: write into a folder of its own`)
  await makeFolder(folder)
  const source = `random weights of shape ${shape}`
  const files = Object.fromEntries(
    Object.entries(companions).map(([name, text]) => [name, checksumsOf(new TextEncoder().encode(text)).sha256]),
  )
  const file = await createPackedFile(path, layout, { quant, formats, source, files })
  try {
    const pool = randomPool()
    for (const part of layout.parts) {
      const bytes = new Uint8Array(part.bytes)
      fillRandom(part, bytes, pool)
      await file.write(part, bytes)
    }
    for (const [name, text] of Object.entries(companions)) await writeAtomically(join(folder, name), [text])
    await file.finish()
  } catch (error) {
    await file.abort()
    for (const name of Object.keys(companions)) await rm(join(folder, name), { force: true })
    throw error
  }
  await storeTokenizer(folder)
  return layout.bytes
}

/** nano's tokenizer files, by name, for a larger vocabulary. Additional ids decode to `<ID>`. */
export async function paddedTokenizer(vocabSize: number): Promise<Record<string, string>> {
  const text = (name: string) => readFile(join(shippedFolder('nano'), name), 'utf8')
  const definition = JSON.parse(await text('tokenizer.json'))
  const { vocab } = definition.model
  for (let id = Object.keys(vocab).length; id < vocabSize; id++) vocab[`<${id}>`] = id
  return {
    'tokenizer.json': JSON.stringify(definition),
    'tokenizer_config.json': await text('tokenizer_config.json'),
    'special_tokens_map.json': await text('special_tokens_map.json'),
  }
}
