import { cp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { BYTE_ALPHABET } from '#molm/model/checkpoint/byte-pair-forms.js'
import { fixturePath } from '../support/fixtures.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { molm } from './molm.js'

/** Options that say what the softmax model does by default. */
const AS_BY_DEFAULT = [
  ...['--cache-type', 'q8', '--quant', 'q4', '--experts-per-token', '3', '--context', '256', '--temperature', '0.8'],
  ...['--top-k', '40', '--top-p', '0.95', '--min-p', '0.05', '--repeat-penalty', '1.25'],
  ...['--prompt-lookup-num-tokens', '0'],
]

/** Options that change its answers. */
const OTHERS = [
  ['--cache-type', 'bf16'],
  ['--experts-per-token', '2'],
  ['--top-k', '39'],
  ['--logprobs', '0'],
]

/** A mask in two forms. */
const MASKS = [
  ['--mask', '0:mlp:2-3'],
  ['--mask', '0:mlp:3', '--mask', '0:mlp:2'],
]

/** Schemas whose answers have the same properties in another order. */
const SCHEMAS = [
  ['--schema', '{"properties":{"a":{},"b":{}}}'],
  ['--schema', '{"properties":{"b":{},"a":{}}}'],
]

/** A softmax model that can read text, with a setting in its files. */
async function softmaxModel(dir: string): Promise<string> {
  const folder = join(dir, 'softmax')
  await cp(fixturePath('41-qwen3moe-f32'), folder, { recursive: true })
  const vocab = Object.fromEntries(BYTE_ALPHABET.map((letter, id) => [letter, id]))
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true }
  const model = { type: 'BPE', vocab, merges: [] }
  const tokenizer = { version: '1.0', added_tokens: [], pre_tokenizer: byteLevel, decoder: byteLevel, model }
  await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(tokenizer))
  await writeFile(join(folder, 'tokenizer_config.json'), JSON.stringify({ tokenizer_class: 'GPT2Tokenizer' }))
  await writeFile(
    join(folder, 'generation_config.json'),
    JSON.stringify({ eos_token_id: 258, repetition_penalty: 1.25 }),
  )
  return folder
}

test('options with the same effect have the same hash in the answers, and only those', () =>
  inTemporaryFolder(async (folder) => {
    const model = ['-m', await softmaxModel(folder), '-n', '1', '--seed', '7', '-t', '1', '--quiet']
    const hashOf = async (args: string[]): Promise<string> => {
      const { stdout, stderr } = await molm(['run', '--batch', '-', ...model, ...args], { stdin: '{"prompt":"ab"}\n' })
      const { request = '' } = JSON.parse(stdout)
      assert.match(request, /^\w+-\w+$/, stderr)
      return request
    }
    const usual = await hashOf([])
    assert.is(await hashOf(AS_BY_DEFAULT), usual)
    for (const other of OTHERS) assert.is.not(await hashOf(other), usual, other.join(' '))
    assert.is(await hashOf(MASKS[0]), await hashOf(MASKS[1]))
    assert.is.not(await hashOf(SCHEMAS[0]), await hashOf(SCHEMAS[1]))
  }))

test.run()
