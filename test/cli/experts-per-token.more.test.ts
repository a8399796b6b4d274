import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { fixturePath } from '../support/fixtures.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { assertAllRefused, molm } from './molm.js'

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
    await writeFile(text, (await readFile(fixturePath('texts/code.txt'), 'utf8')).slice(0, 600))
    const at = (name: string) => join(dir, name)
    const files = ['numbers.json', 'curve.csv', 'curve.svg'].flatMap((name) => ['-o', at(name)])
    const { code, stdout, stderr } = await molm([
      'eval',
      '--text',
      text,
      '--fewer-experts',
      '--budget',
      '60%',
      ...files,
    ])
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

    const measured = ['eval', '--text', text]
    await assertAllRefused(measured, [
      [['--fewer-experts', '-o', at('a.json')], /numbers by layer need a --budget/],
      [['--fewer-experts', '-o', at('a.txt')], /name a .csv or .svg file for the curve/],
      ['--fewer-experts --against nano', /--fewer-experts measures on texts alone/],
      ['--budget 0.5', /--budget belongs to --fewer-experts/],
    ])
  }))

test.run()
