import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { fixturePath } from '../support/fixtures.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { assertRefused, molm, NANO } from './molm.js'

const FIXTURE = fixturePath('01-base-bin-f32')

test('convert prints the packed file, which show describes and run runs', () =>
  inTemporaryFolder(async (dir) => {
    const out = join(dir, 'packed')
    const { code, stdout, stderr } = await molm(['convert', FIXTURE, out, '--quant', 'q8'])
    const path = join(out, 'model-q8.molm.safetensors')
    assert.is(stderr, '')
    assert.is(code, 0)
    assert.is(stdout, `${path}\n`)
    assert.ok((await stat(path)).size > 0)
    assert.ok((await readdir(out)).includes('tokenizer.json'))

    const run = ['--json', '-n', '8', '--ignore-eos', '--temperature', '0', '-t', '1', 'Hello']
    const [shown, packed] = await Promise.all([molm(['show', out, '--json']), molm([...run, '-m', path])])
    const { kind, quant, source } = JSON.parse(shown.stdout)
    assert.equal({ kind, quant, source }, { kind: 'packed', quant: 'q8', source: '01-base-bin-f32' })
    assert.is(JSON.parse(packed.stdout).tokens.length, 8)
  }))

test('show prints the absolute path, the trained context and the model’s own defaults', async () => {
  const relativePath = relative(process.cwd(), NANO)
  const [card, json] = await Promise.all([
    molm(['show', relativePath, '--quant', 'q8']),
    molm(['show', relativePath, '--json']),
  ])
  assert.match(card.stdout, new RegExp(`\\n  path +${NANO}\\n`))
  assert.match(card.stdout, /\n {2}defaults +--max-tokens \d+ --temperature [\d.]+ .*--stop "/)
  assert.match(card.stdout, /routers, norms, keys and values .* f32, q8\n/)
  assert.not.match(card.stdout, /f32, f32/)
  const { path, trained_context, defaults } = JSON.parse(json.stdout)
  assert.is(path, NANO)
  assert.ok(trained_context > 0)
  assert.ok(defaults.max_tokens > 0 && defaults.stop.length > 0)
})

test('convert replaces a model only with --force, and adds other packings of the same model', () =>
  inTemporaryFolder(async (dir) => {
    const out = join(dir, 'packed')
    const other = fixturePath('03-topk4-safetensors-bf16-sharded')
    const convert = (...args: string[]) => molm(['convert', ...args, out])
    assert.is((await convert(FIXTURE)).code, 0)
    const before = await readFile(join(out, 'config.json'), 'utf8')
    for (const args of [[FIXTURE], [other, '--quant', 'q8']]) {
      assertRefused(
        await convert(...args),
        1,
        /packed: holds a model already \(q4\); give another folder, or --force\n$/,
      )
    }
    assert.is(await readFile(join(out, 'config.json'), 'utf8'), before)
    assert.is((await convert(FIXTURE, '--quant', 'q8')).code, 0)
    const packed = async () => (await readdir(out)).filter((name) => name.endsWith('.molm.safetensors'))
    assert.equal(await packed(), ['model-q4.molm.safetensors', 'model-q8.molm.safetensors'])
    for (const quant of ['q4', 'q8']) {
      assert.is(JSON.parse((await molm(['show', '--json', `${out}:${quant}`])).stdout).quant, quant)
    }
    assertRefused(await molm(['show', `${out}:f32`]), 1, /packed as q[48], q[48]; f32 needs the checkpoint/)
    assert.is((await convert(other, '--force')).code, 0)
    assert.equal(await packed(), ['model-q4.molm.safetensors'])
    assert.is.not(await readFile(join(out, 'config.json'), 'utf8'), before)
  }))

test('convert --json prints path, bytes and warnings, also in the folder of an interrupted convert', () =>
  inTemporaryFolder(async (dir) => {
    const out = join(dir, 'packed')
    await mkdir(join(out, '.molm.partial'), { recursive: true })
    await writeFile(join(out, '.molm.partial', 'model-q4.molm.safetensors'), 'half')
    const { stdout, stderr } = await molm(['convert', FIXTURE, out, '--json', '--verbose'])
    const result = JSON.parse(stdout)
    assert.equal(Object.keys(result), ['path', 'bytes', 'quant', 'warnings'])
    assert.is(result.bytes, (await stat(result.path)).size)
    assert.match(stderr, /^molm: packed [\d.]+ [kM]B as q4 in .* s\n$/)
  }))

test('show describes nano by default, in words and as an object', async () => {
  const [words, object] = await Promise.all([molm(['show']), molm(['show', NANO, '--json', '--quant', 'q8'])])
  assert.is(words.code, 0, words.stderr)
  assert.match(words.stdout, /^nano\n/)
  assert.match(words.stdout, /^ {2}parameters {2}12\.4 M; a token uses \d/m)
  assert.match(words.stdout, /^ {2}attention {3}2 of 8 experts, 4 heads, 128 channels$/m)
  assert.match(words.stdout, /^ {2}context {5}trained on 2048 tokens at a time; no hard limit$/m)
  assert.match(words.stdout, /^ {2}tokenizer {3}4096 tokens, with chat template$/m)
  assert.match(words.stdout, /^ {2}mlp experts .* q4$/m)

  const info = JSON.parse(object.stdout)
  const sum = (field: string) =>
    info.parts.reduce((total: number, part: Record<string, number>) => total + part[field], 0)
  assert.is(info.model, 'nano')
  assert.is(info.quant, 'q8')
  assert.is(info.parameters, 12_356_736)
  assert.is(info.parameters, sum('parameters'))
  assert.is(info.bytes, sum('bytes'))
  assert.equal(info.tokenizer, { size: 4096, chat_template: true })
  assert.is(info.config.n_layer, 6)
})

test('show describes a checkpoint without tokenizer', async () => {
  const { code, stdout } = await molm(['show', fixturePath('05-linear-silu-safetensors-f32')])
  assert.is(code, 0)
  assert.match(stdout, /tokenizer {3}none/)
  assert.match(stdout, /router {6}linear/)
})

test.run()
