import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { fixturePath } from '../support/fixtures.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { assertAllRefused, assertRefused, molm, TINY } from './molm.js'

const SPEECHES = fixturePath('texts/speeches.txt')
const DEFINITIONS = fixturePath('texts/definitions.jsonl')

test('eval --json prints perplexity, accuracy and agreement under fixed names', () =>
  inTemporaryFolder(async (dir) => {
    const [speeches, definitions] = ['speeches.txt', 'definitions.jsonl'].map((name) => join(dir, name))
    await writeFile(speeches, (await readFile(SPEECHES, 'utf8')).slice(0, 500))
    await writeFile(definitions, (await readFile(DEFINITIONS, 'utf8')).split('\n').slice(0, 5).join('\n'))
    const options = ['--text', speeches, '--task', definitions, '--window', '64', '--against', `${TINY}:q8`, '--json']
    const { code, stdout, stderr } = await molm(['eval', '-m', TINY, '-t', '1', ...options])
    assert.is(stderr, '')
    assert.is(code, 0)
    const { model, texts, tasks, against } = JSON.parse(stdout)
    assert.is(model, '01-base-bin-f32')
    assert.equal(Object.keys(texts[0]), ['file', 'tokens', 'scored', 'nll', 'perplexity', 'bits_per_byte'])
    assert.is(texts[0].file, speeches)
    assert.is(texts[0].perplexity, Math.exp(texts[0].nll / texts[0].scored))
    assert.equal(Object.keys(tasks[0]), ['file', 'items', 'acc', 'acc_norm', 'acc_stderr', 'acc_norm_stderr'])
    const { items, acc, acc_stderr } = tasks[0]
    assert.is(acc_stderr, Math.sqrt((acc * (1 - acc)) / (items - 1)))
    assert.is(against.model, `${TINY}:q8`)
    assert.ok(against.kl_divergence > 0)
    assert.is(against.kl_divergence, against.texts[0].kl_divergence)
    assert.is(against.top1_agreement, against.texts[0].top1_agreement)
    const names = ['file', 'scored', 'nll', 'perplexity', 'bits_per_byte', 'kl_divergence', 'top1_agreement']
    assert.equal(Object.keys(against.texts[0]), names)
  }))

test('eval prints tables by default, and with --details the choice for each item', () =>
  inTemporaryFolder(async (dir) => {
    const [path, text] = ['task.jsonl', 'a.txt'].map((name) => join(dir, name))
    await writeFile(text, 'User: What is tea?\nAssistant: Tea is a drink.\n')
    const item = { context: 'The lantern is', choices: ['lit', 'xqzv'] }
    await writeFile(path, `${JSON.stringify({ ...item, answer: 0 })}\n\n${JSON.stringify({ ...item, answer: 1 })}\n`)
    const table = await molm(['eval', '--text', text, text, '--task', path, '--details'])
    assert.match(table.stdout, /^ {2}text +tokens +scored +perplexity +bits\/byte\n( {2}\S+a\.txt( +[\d.]+){4}\n){2}/)
    const compared = await molm(['eval', '--quant', 'f32', '--text', text, '--against', 'nano'])
    const [, own, others] = compared.stdout.split('\n').map((line) => line.trim().split(/ +/))
    assert.equal(others, ['by', 'nano', own[3], own[4]])
    assert.equal(own.slice(5), ['0.00', '100.00', '%'])
    assert.match(table.stdout, /50\.00 % ± 50\.00/)
    assert.match(table.stdout, /task\.jsonl:1 +0 +0 +0 .*\n.*task\.jsonl:3 +1 +0 wrong/)
    assertRefused(await molm(['eval', '--text', path, '--details']), 2, /--details are about a task/)
  }))

test('eval refuses wrong input', async () => {
  await assertAllRefused('eval', [
    [[], /give --text or --task/],
    [['--text', SPEECHES, '--window', '8', '--stride', '9'], /--stride must be/],
    [['--text', SPEECHES, '--window', 'x'], /--window must be/],
    [['--task', DEFINITIONS, '--against', 'nano'], /give --text/],
  ])
})

test.run()
