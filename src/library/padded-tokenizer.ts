import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { shippedFolder } from './model-folders.js'

/**
 * The tokenizer files of nano, by name, for a model with a larger vocabulary: ids that nano has not decode to `<ID>`, and
 * no text encodes to them.
 */
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
