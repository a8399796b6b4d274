import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { convertModel, describeModel, type ExpertsPerToken } from '#molm/index.js'
import { usedPerToken } from '#molm/model/experts-per-token.js'
import { type ModelCard, pageModel } from '#molm/page/routes.js'
import { listen } from '#molm/server/listen.js'
import { get, post } from '../server/served.js'
import { fixturePath } from '../support/fixtures.js'
import { withModel } from '../support/models.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { assertRefused, molm, NANO } from './molm.js'

const QUESTION = 'Count from one to ten.'
const MLP = [2, 1, 1, 1, 1, 1]
const NUMBERS: ExpertsPerToken = { attention: 1, mlp: MLP }

/** Packs nano into a folder, with numbers of experts per token. */
async function packWith(dir: string, numbers: ExpertsPerToken): Promise<string> {
  const out = join(dir, 'packed')
  await convertModel(NANO, out, { threads: 2 })
  await writeFile(join(out, 'experts-per-token.json'), JSON.stringify(numbers))
  return out
}

test('the same text from a file, a folder, a batch, the server, the library and any number of threads', () =>
  inTemporaryFolder(async (dir) => {
    const file = join(dir, 'numbers.json')
    await writeFile(file, JSON.stringify(NUMBERS))
    const packed = await packWith(dir, NUMBERS)
    const expected = await withModel('nano', { threads: 1, expertsPerToken: NUMBERS }, async (model) => {
      const chat = model.createSession().chat([{ role: 'user', content: QUESTION }], { temperature: 0 })
      for (;;) {
        const { done, value } = await chat.next()
        if (done) return value
      }
    })
    const tokensOf = async (args: string[], stdin?: string) => {
      const { code, stdout, stderr } = await molm(['run', '--temperature', '0', '--json', ...args], { stdin })
      assert.is(code, 0, stderr)
      return JSON.parse(stdout).tokens
    }
    assert.equal(await tokensOf(['--experts-per-token', file, '-t', '1', QUESTION]), expected.tokens)
    assert.equal(await tokensOf(['-m', packed, '-t', '3', QUESTION]), expected.tokens)
    assert.equal(await tokensOf(['-m', packed, '--batch', '-'], JSON.stringify({ prompt: QUESTION })), expected.tokens)
    const own = await tokensOf([QUESTION])
    assert.not.equal(own, expected.tokens)
    assert.equal(await tokensOf(['-m', packed, '--experts-per-token', 'trained', QUESTION]), own)
    assert.equal(await tokensOf(['-m', packed, '--experts-per-token', '2,4', QUESTION]), own)

    const server = await listen({ port: 0 })
    await withModel(packed, { threads: 2 }, async (model) => {
      server.open(model)
      const messages = [{ role: 'user', content: QUESTION }]
      const { body } = await post(server.url, '/v1/chat/completions', { messages, temperature: 0 })
      assert.is(body.choices[0].message.content, expected.text)
      const { data } = (await get(server.url, '/v1/models')).body as { data: ModelCard[] }
      assert.equal(data[0].meta.experts_per_token, { attention: 1, mlp: MLP })
      assert.equal(pageModel(data[0]).config.mixtures.map(usedPerToken), [1, MLP])
      await server.close()
    })
  }))

test('show reports the numbers in a folder, and a copy of the model keeps them', () =>
  inTemporaryFolder(async (dir) => {
    const checkpoint = join(dir, 'checkpoint')
    await cp(NANO, checkpoint, { recursive: true })
    await writeFile(join(checkpoint, 'experts-per-token.json'), JSON.stringify({ mlp: MLP }))
    const out = join(dir, 'packed')
    assert.is((await molm(['convert', checkpoint, out])).code, 0)
    const { stdout } = await molm(['show', out])
    assert.match(stdout, /^ +mlp +uses 2, 1, 1, 1, 1, 1 of 24 experts/m)
    assert.match(stdout, /^ +attention +2 of 8 experts/m)
    const text = join(dir, 'text.txt')
    await writeFile(text, (await readFile(fixturePath('texts/code.txt'), 'utf8')).slice(0, 1500))
    const pruned = join(dir, 'pruned')
    const { code, stderr } = await molm(['prune', out, pruned, '--calibrate', text, '--keep', '0.5'])
    assert.is(code, 0, stderr)
    const { config, activeBytes } = await describeModel(pruned)
    assert.equal(config.mixtures[1].used, MLP)
    assert.ok(activeBytes < (await describeModel(pruned, { expertsPerToken: 'trained' })).activeBytes)
  }))

test('show leaves out layers without experts', () =>
  inTemporaryFolder(async (dir) => {
    await cp(fixturePath('81-lfm2moe-f32'), dir, { recursive: true })
    await writeFile(join(dir, 'experts-per-token.json'), '[0, 2, 1, 1, 2]')
    assert.match((await molm(['show', dir])).stdout, /^ +mlp +uses 2, 1, 1, 2 of 6 experts in 4 of 5 layers/m)
  }))

test('a batch with other experts per token is another batch', () =>
  inTemporaryFolder(async (dir) => {
    const output = join(dir, 'answers.jsonl')
    const batch = ['run', '-n', '2', '--batch', '-', '-o', output]
    const stdin = JSON.stringify({ prompt: QUESTION })
    assert.is((await molm([...batch, '--experts-per-token', '1'], { stdin })).code, 0)
    assert.is((await molm([...batch, '--experts-per-token', '1'], { stdin })).code, 0)
    assertRefused(await molm([...batch, '--experts-per-token', '2'], { stdin }), 1, /other options/)
    assertRefused(await molm(batch, { stdin }), 1, /other options/)
  }))

test('eval and bench measure fewer experts', () =>
  inTemporaryFolder(async (dir) => {
    const text = join(dir, 'text.txt')
    await writeFile(text, 'The lantern is lit. The ship comes home to the harbour. '.repeat(4))
    const divergence = async (...args: string[]) => {
      const { stdout } = await molm(['eval', '--json', '--text', text, '--against', 'nano:q4', ...args])
      return JSON.parse(stdout).against.kl_divergence
    }
    assert.is(await divergence(), 0)
    assert.ok((await divergence('--experts-per-token', '2,1')) > 0.01)
    const active = async (...args: string[]) => {
      const { stdout } = await molm(['bench', '-p', '0', '-n', '2', '-r', '1', '-t', '1', '--json', ...args])
      return JSON.parse(stdout)[0].active_bytes_per_token
    }
    assert.ok((await active('--experts-per-token', '1')) < (await active()))
  }))

test('eval --fewer-experts prints a curve, draws it and writes numbers that run', () =>
  inTemporaryFolder(async (dir) => {
    const text = join(dir, 'text.txt')
    await writeFile(text, (await readFile(fixturePath('texts/code.txt'), 'utf8')).slice(0, 1200))
    const at = (name: string) => join(dir, name)
    const curve = ['eval', '--text', text, '--fewer-experts']
    const files = ['numbers.json', 'curve.csv', 'curve.svg'].flatMap((name) => ['-o', at(name)])
    const { code, stdout, stderr } = await molm([...curve, '--budget', '60%', ...files])
    assert.is(code, 0, stderr)
    const rows = stdout.split('\n')
    assert.match(rows[0], /^ +attention +mlp +a token reads +experts +perplexity +change +tokens\/s$/)
    assert.match(rows[1], /^ +2 +4 +1.96 MB +100.0 % +[\d.]+ ± [\d.]+ +[\d.]+$/)
    assert.match(
      rows[9],
      /^ +by layer +by layer +1.\d+ MB +[45]\d.\d % +[\d.]+ ± [\d.]+ +[+-][\d.]+ % ± [\d.]+ +[\d.]+$/,
    )
    assert.match(stdout, /^ {2}mlp by layer: [1-4](,[1-4]){5}$/m)
    const numbers = JSON.parse(await readFile(at('numbers.json'), 'utf8'))
    assert.match(stdout, new RegExp(`mlp by layer: ${numbers.mlp.join()}\n`))
    const csv = (await readFile(at('curve.csv'), 'utf8')).trimEnd().split('\n')
    assert.is(csv.length, 10)
    assert.ok(csv[9].startsWith(`${numbers.attention.join(' ')},${numbers.mlp.join(' ')},`))
    assert.match(await readFile(at('curve.svg'), 'utf8'), /^<svg .*aria-label="Fewer experts per token: nano"/)
    const run = await molm(['run', '--experts-per-token', at('numbers.json'), '-n', '3', 'Hi'])
    assert.is(run.code, 0, run.stderr)

    const json = await molm([...curve, '--json'])
    const { model, points, found } = JSON.parse(json.stdout)
    assert.is(model, 'nano')
    assert.is(found, undefined)
    assert.equal(points[7].experts_per_token, { attention: 1, mlp: 1 })
    const names = ['active_bytes', 'expert_share', 'perplexity', 'tokens_per_second', 'nll_per_token', 'nll_error']
    assert.equal(Object.keys(points[7]), ['experts_per_token', ...names, 'rise', 'rise_error'])

    assertRefused(await molm([...curve, '-o', at('a.json')]), 2, /numbers by layer need a --budget/)
    assertRefused(await molm([...curve, '-o', at('a.txt')]), 2, /name a .csv or .svg file for the curve/)
    assertRefused(await molm([...curve, '--against', 'nano']), 2, /--fewer-experts measures on texts alone/)
    assertRefused(await molm(['eval', '--text', text, '--budget', '0.5']), 2, /--budget belongs to --fewer-experts/)
  }))

test('numbers that make no sense are refused', () =>
  inTemporaryFolder(async (dir) => {
    const file = join(dir, 'numbers.json')
    await writeFile(file, JSON.stringify({ mlp: [4, 4, 4] }))
    const cases: [typed: string, message: RegExp][] = [
      ['0', /--experts-per-token must be a whole number from 1 on, not 0/],
      ['9', /--experts-per-token is 9, but layer 0 has 8 attention experts/],
      ['2,25', /--experts-per-token is 25, but layer 0 has 24 mlp experts/],
      ['some', /--experts-per-token must be a number, two like 1,3, a file or trained, not 'some'/],
      [file, /--experts-per-token has 3 numbers of mlp experts for 6 layers/],
    ]
    for (const [typed, message] of cases) {
      assertRefused(await molm(['run', '--experts-per-token', typed, 'Hi']), 2, message)
    }
    assertRefused(await molm(['run', '--experts-per-token', './absent.json', 'Hi']), 1, /absent.json: no such file/)
    const packed = await packWith(dir, { mlp: 25 })
    const wrong = /experts-per-token.json: the number of experts is 25, but layer 0 has 24 mlp experts/
    for (const args of [
      ['run', '-m', packed, 'Hi'],
      ['show', packed],
    ])
      assertRefused(await molm(args), 1, wrong)
  }))

test.run()
