import { copyFile, cp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { BYTE_ALPHABET } from '#molm/text/tokenizer/byte-alphabet.js'
import { fixturePath } from '../support/fixtures.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { assertRefused, molm } from './molm.js'

/** A checkpoint with 320 random tokens, which loads in no time. */
const OPTIONS = ['-m', fixturePath('01-base-bin-f32'), '-n', '3', '--seed', '7', '-t', '1', '--quiet']

/** A batch in a folder of its own, with commands for its shards. */
class Batch {
  constructor(private readonly folder: string) {}

  path(name: string): string {
    return join(this.folder, name)
  }

  async write(lines: readonly (object | string)[]): Promise<void> {
    const texts = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line)))
    await writeFile(this.path('in.jsonl'), texts.map((text) => `${text}\n`).join(''))
  }

  run(out: string, ...args: string[]) {
    return molm(['run', '--batch', this.path('in.jsonl'), ...OPTIONS, ...args, '-o', this.path(out)])
  }

  shard(number: number, of: number, ...args: string[]) {
    return this.run(`${number}.jsonl`, '--shard', `${number}/${of}`, ...args)
  }

  join(names: readonly string[], ...args: string[]) {
    return molm(['run', '--join', ...names.map((name) => this.path(name)), ...args])
  }

  read(name: string): Promise<string> {
    return readFile(this.path(name), 'utf8')
  }
}

const withBatch = (lines: readonly (object | string)[], use: (batch: Batch) => Promise<void>) =>
  inTemporaryFolder(async (folder) => {
    const batch = new Batch(folder)
    await batch.write(lines)
    await use(batch)
  })

const prompts = (count: number): object[] => Array.from({ length: count }, (_, i) => ({ prompt: `${i} + ${i}` }))
const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `${i + 1}.jsonl`)

test('sixteen shards, joined in any order, give byte for byte the file of one run', () => {
  const [first, ...rest] = prompts(37)
  const lines = ['\ufeff', first, '', 'nonsense', { id: 'x', prompt: 'b' }, { id: 'x', prompt: 'b' }, '  ', ...rest]
  return withBatch(lines, async (batch) => {
    assert.is((await batch.run('one.jsonl')).code, 1)
    for (let number = 16; number > 0; number--) {
      assert.is((await batch.shard(number, 16)).code, number === 2 ? 1 : 0, `shard ${number}`)
    }
    const { code, stdout, stderr } = await batch.join(names(16).reverse(), '-o', batch.path('all.jsonl'))
    assert.is(code, 1)
    assert.is(stdout, '')
    assert.match(stderr, /^molm: 1 of 40 lines could not be answered; see "error" in .*all\.jsonl\n$/)
    assert.is(await batch.read('all.jsonl'), await batch.read('one.jsonl'))
    assert.is((await batch.join(names(16))).stdout, await batch.read('one.jsonl'))
    // The joined file is one that a run without shards can resume.
    assert.match((await batch.run('all.jsonl')).stderr, /^molm: 1 of 40 lines could not/)
    assert.is(await batch.read('all.jsonl'), await batch.read('one.jsonl'))
  })
})

test('more shards than lines leave some without a line', () =>
  withBatch(prompts(2), async (batch) => {
    await batch.run('one.jsonl')
    for (const number of [1, 2, 3]) assert.is((await batch.shard(number, 3)).code, 0)
    const { code, stderr } = await batch.join(names(3), '-o', batch.path('all.jsonl'))
    assert.is(code, 0)
    assert.match(stderr, /all\.jsonl: 2 lines of 3 shards\n$/)
    assert.is(await batch.read('all.jsonl'), await batch.read('one.jsonl'))
  }))

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

test('a shard that was cut at any byte resumes to the same bytes', () =>
  withBatch(prompts(5), async (batch) => {
    await batch.shard(1, 2)
    const whole = await batch.read('1.jsonl')
    const receipt = whole.lastIndexOf('\n', whole.length - 2) + 1
    for (const length of [0, 1, 7, receipt - 1, receipt, receipt + 1, receipt + 12, whole.length - 1]) {
      await copyFile(batch.path('1.jsonl'), batch.path('cut.jsonl'))
      await truncate(batch.path('cut.jsonl'), length)
      assert.match((await batch.join(['cut.jsonl'])).stderr, /cut\.jsonl does not end as a complete shard/)
      assert.is((await batch.run('cut.jsonl', '--shard', '1/2')).code, 0)
      assert.is(await batch.read('cut.jsonl'), whole, `cut at ${length}`)
    }
  }))

test('a complete shard is not touched, and a pipe gives the same one', () =>
  withBatch(prompts(5), async (batch) => {
    await batch.shard(2, 2)
    const before = await stat(batch.path('2.jsonl'))
    const { code, stderr } = await batch.shard(2, 2, '--verbose')
    assert.is(code, 0, stderr)
    assert.is((await stat(batch.path('2.jsonl'))).mtimeMs, before.mtimeMs)
    const stdin = await batch.read('in.jsonl')
    const { stdout } = await molm(['run', '--batch', '-', ...OPTIONS, '--shard', '2/2'], { stdin })
    assert.is(stdout, await batch.read('2.jsonl'))
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

test('an input that grew adds to the end of each shard', () =>
  withBatch(prompts(3), async (batch) => {
    for (const number of [1, 2]) await batch.shard(number, 2)
    const before = await batch.read('1.jsonl')
    await batch.write(prompts(8))
    for (const number of [1, 2]) assert.is((await batch.shard(number, 2)).code, 0)
    assert.ok((await batch.read('1.jsonl')).startsWith(before.split('{"shard"')[0]))
    await batch.run('one.jsonl')
    assert.is((await batch.join(names(2))).stdout, await batch.read('one.jsonl'))
  }))

test('a join names the shards that are missing, twice there, or of something else', () =>
  withBatch(prompts(7), async (batch) => {
    for (const number of [1, 2, 4]) await batch.shard(number, 6)
    await batch.run('whole.jsonl')
    await batch.run('half.jsonl', '--shard', '1/2')
    await batch.run('other.jsonl', '--shard', '2/6', '--max-tokens', '2')
    const refused: [string[], RegExp][] = [
      [['1', '2', '4'], /of 6 shards, 3,5-6 are missing\n$/],
      [['1', '2', 'whole'], /of 6 shards, 3-6 are missing; .*whole\.jsonl does not end as a complete shard/],
      [['1', '2', '1'], /1\.jsonl and .*1\.jsonl are both shard 1\/6/],
      [['1', 'half'], /1\.jsonl is shard 1\/6, and .*half\.jsonl is shard 1\/2/],
      [['1', 'gone'], /gone\.jsonl: no such file/],
    ]
    for (const [files, pattern] of refused) {
      assertRefused(await batch.join(files.map((name) => `${name}.jsonl`)), 1, pattern)
    }
    for (const number of [3, 5, 6]) await batch.shard(number, 6)
    const options = ['1', 'other', '3', '4', '5', '6'].map((name) => `${name}.jsonl`)
    assertRefused(await batch.join(options), 1, /1\.jsonl and .*other\.jsonl have different options/)
    assertRefused(await batch.join(names(6), '-o', batch.path('3.jsonl')), 2, /-o names one of the shards/)
    assertRefused(await batch.join(names(6), '-o', batch.path('in.jsonl')), 1, /in\.jsonl: has no results/)
    // A line that was removed by hand is found before anything is written.
    const [, ...others] = (await batch.read('3.jsonl')).split('\n')
    await writeFile(batch.path('3.jsonl'), others.join('\n'))
    assertRefused(await batch.join(names(6), '-o', batch.path('all.jsonl')), 1, /3\.jsonl: line 1 is not a result/)
    assert.not.ok(await stat(batch.path('all.jsonl')).catch(() => undefined))
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
  ['--quant', 'q8', '--cache-type', 'q8'],
  ['--experts-per-token', '2'],
  ['--context', '100'],
  ['--top-k', '39'],
  ['--repeat-penalty', '1'],
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

test('an output of another shard, or of none, is not added to', () =>
  withBatch(prompts(6), async (batch) => {
    await batch.shard(1, 2)
    const before = await batch.read('1.jsonl')
    assertRefused(await batch.run('1.jsonl', '--shard', '2/2'), 1, /1\.jsonl has shard 1\/2 of a batch\n/)
    assertRefused(await batch.run('1.jsonl'), 1, /give --shard 1\/2 again/)
    await batch.run('one.jsonl')
    assertRefused(await batch.run('one.jsonl', '--shard', '2/2'), 1, /one\.jsonl was not made from shard 2\/2 of .*in/)
    assert.is(await batch.read('1.jsonl'), before)
  }))

test('wrong combinations are refused', async () => {
  assertRefused(await molm(['run', '--shard', '1/2', 'Hi']), 2, /--shard needs --batch/)
  for (const wrong of ['0/2', '3/2', '1', '1/0', '-1/2', '1.5/2', 'a/b', '1/2/3']) {
    assertRefused(await molm(['run', '--batch', 'in.jsonl', `--shard=${wrong}`]), 2, /--shard must be/)
  }
  assertRefused(await molm(['run', '--join', 'a', '--batch', 'b']), 2, /without --batch/)
  assertRefused(await molm(['run', 'Hi', '--join', 'a']), 2, /no prompt/)
})

test.run()
