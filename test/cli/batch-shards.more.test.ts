import { cp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { BYTE_ALPHABET } from '#molm/text/tokenizer/byte-alphabet.js'
import { fixturePath } from '../support/fixtures.js'
import { assertRefused, molm } from './molm.js'
import { names, prompts, withBatch } from './sharded-batch.js'

test('at temperature 0, a join has the bytes of one run without a seed', () =>
  withBatch([...prompts(3), { prompt: 'x', temperature: 1, seed: 5 }], async (batch) => {
    const greedy = ['-m', fixturePath('01-base-bin-f32'), '-n', '3', '-t', '1', '--quiet', '--temperature', '0']
    const run = async (...more: string[]) => {
      const stdin = await batch.read('in.jsonl')
      return (await molm(['run', '--batch', '-', ...greedy, ...more], { stdin })).stdout
    }
    const whole = await run()
    assert.equal(
      whole
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line).seed),
      [0, 0, 0, 5],
    )
    for (const shard of [1, 2]) await writeFile(batch.path(`${shard}.jsonl`), await run('--shard', `${shard}/2`))
    assert.is((await batch.join(names(2))).stdout, whole)
  }))

test('after an edit, only the line is answered again, and shards of the old input are not joined', () =>
  withBatch([...prompts(5), { prompt: 3 }], async (batch) => {
    for (const number of [1, 2]) await batch.shard(number, 2)
    const before = await batch.read('1.jsonl')
    await batch.write([...prompts(5), { prompt: 'three' }])
    await batch.shard(2, 2)
    assertRefused(
      await batch.join(names(2)),
      1,
      /1\.jsonl and .*2\.jsonl answer different inputs, or one that was edited/,
    )
    assert.is((await batch.shard(1, 2)).code, 0)
    assert.is((await batch.read('1.jsonl')).split('"shard"')[0], before.split('"shard"')[0])
    await batch.run('one.jsonl')
    assert.is((await batch.join(names(2))).stdout, await batch.read('one.jsonl'))
  }))

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

/** A softmax model that can read text, with a setting of its own. */
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

test('shards are joined if their options have the same effect, and only then', () =>
  withBatch([{ prompt: 'ab' }, { prompt: 'cd' }], async (batch) => {
    const model = ['-m', await softmaxModel(batch.path('.')), '-n', '1', '--seed', '7', '-t', '1', '--quiet']
    /** The hash of the options in a shard. */
    const shard = async (number: number, args: string[]) => {
      const out = batch.path(`${number}.jsonl`)
      await rm(out, { force: true })
      const input = ['--batch', batch.path('in.jsonl'), '--shard', `${number}/2`, '-o', out]
      const { stderr } = await molm(['run', ...model, ...args, ...input])
      const [receipt = ''] = (await readFile(out, 'utf8')).split('\n').slice(-2)
      assert.match(receipt, /^\{"shard"/, stderr)
      return JSON.parse(receipt).options
    }
    const usual = await shard(1, [])
    await shard(2, AS_BY_DEFAULT)
    const { code, stderr } = await batch.join(names(2))
    assert.is(code, 0, stderr)
    for (const other of OTHERS) assert.is.not(await shard(2, other), usual, other.join(' '))
    assertRefused(await batch.join(names(2)), 1, /have different options/)
    assert.is(await shard(1, MASKS[0]), await shard(2, MASKS[1]))
    assert.is.not(await shard(1, SCHEMAS[0]), await shard(2, SCHEMAS[1]))
  }))

test.run()
