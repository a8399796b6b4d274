import { mkdir } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { LANTERN } from '../support/lantern.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { assertRefused, molm, molmProcess, TINY } from './molm.js'

const GREEDY = ['--temperature', '0', '-n', '4', '-m', TINY, '-t', '1']

test('a lone word that looks like a command is not sent to the model', async () => {
  const cases: [args: string[], pattern: RegExp][] = [
    [['lst'], /^molm: 'lst' is not a command; did you mean 'molm list'\?\n'molm run lst' asks the model\n$/],
    [['-m', 'nano', 'chta'], /did you mean 'molm chat'/],
    [['exprts', '--csv'], /did you mean 'molm experts'/],
    [['version'], /did you mean 'molm --version'/],
    [['help', 'nope'], /^molm: 'nope' is not a command; see molm --help\n/],
    [['help', 'covert'], /did you mean 'molm help convert'/],
  ]
  for (const [args, pattern] of cases) assertRefused(await molm(args), 2, pattern)
})

test('the same word is a prompt after run, with other words, or in a question', async () => {
  const { code, stderr } = await molm(['run', ...GREEDY, 'lst'])
  assert.is(code, 0, stderr)
})

test('-V, -v and ls are known, also to help', async () => {
  const [long, short, small, list, ls, help] = await Promise.all(
    [['--version'], ['-V'], ['-v'], ['list'], ['ls'], ['help', 'ls']].map((args) => molm(args)),
  )
  assert.is(short.stdout, long.stdout)
  assert.is(small.stdout, long.stdout)
  assert.is(ls.stdout, list.stdout)
  assert.match(help.stdout, /^Usage: molm list\|ls /)
})

test('options of llama.cpp and ollama are understood', async () => {
  const tokens = async (...args: string[]) => {
    const { stdout, stderr } = await molm([...args, '-m', TINY, '--num-thread', '1', '--ignore-eos', '--json'])
    assert.is(stderr, '')
    return JSON.parse(stdout).tokens
  }
  const ours = await tokens('--temperature', '0', '-n', '5', 'What is a lantern?')
  assert.is(ours.length, 5)
  assert.equal(await tokens('--temp', '0', '--num-predict', '5', '-p', 'What is a lantern?'), ours)
  assertRefused(await molm(['--num-ctx', '0', 'x']), 2, /--context must be/)
  assertRefused(await molm(['--num-thread', 'x', 'x']), 2, /--threads must be/)
  const unlimited = await molm(['--temp', '0', '-n', '-1', '--stop', '.', LANTERN.question])
  assert.is(unlimited.stdout, `${LANTERN.answer.replace(/\..*/, '')}\n`, unlimited.stderr)
})

test('- is stdin, for a prompt and for files, but only once', async () => {
  const prompt = 'What is a lantern?\n'
  const expected = await molm([...GREEDY, 'What is a lantern?'])
  for (const args of [['-'], ['run', '-f', '-']]) {
    const { stdout, stderr } = await molm([...GREEDY, ...args], { stdin: prompt })
    assert.is(stdout, expected.stdout, stderr)
  }
  const messages = JSON.stringify([{ role: 'user', content: LANTERN.question }])
  const asked = await molm(['--temperature', '0', '--messages', '-'], { stdin: messages })
  assert.is(asked.stdout, `${LANTERN.answer}\n`, asked.stderr)
  assertRefused(await molm(['-f', '-', '--messages', '-'], { stdin: messages }), 2, /'-' can name one file only/)

  const binary = await molm(['eval', '--text', '-'], { stdin: Buffer.of(0xff, 0xfe, 0x80) })
  assertRefused(binary, 1, /stdin: line 1 is not valid UTF-8/)
})

test('a ~ that the shell did not expand is the home folder', async () => {
  assertRefused(await molm(['show', '~/no/such']), 1, new RegExp(`^molm: ${homedir()}/no/such: no such file or folder`))
  assertRefused(await molm(['-f', '~/no-such', 'x']), 1, new RegExp(`^molm: ${homedir()}/no-such: no such file`))
  const { stderr } = await molm(['show', 'other'], { env: { MOLM_HOME: '~/no-such-home' } })
  assert.match(stderr, new RegExp(`in ${homedir()}/no-such-home`))
})

test('an error says that $MOLM_MODEL named the model, and suggests a name', async () => {
  const env = { MOLM_MODEL: 'Nano' }
  assertRefused(await molm(['show'], { env }), 1, /did you mean nano\? \(named by \$MOLM_MODEL\)\n$/)
  assertRefused(await molmProcess(['show', 'Nano'], { env }), 1, /did you mean nano\?\n$/)
})

test(':q8 selects a packing in a folder', () =>
  inTemporaryFolder(async (dir) => {
    const { code, stdout, stderr } = await molm(['convert', TINY, join(dir, 'packed')])
    assert.is(code, 0, stderr)
    assert.is(stdout, `${join(dir, 'packed', 'model-q4.molm.safetensors')}\n`)
    await molm(['convert', TINY, join(dir, 'packed'), '--quant', 'q8'])
    for (const quant of ['q4', 'q8']) {
      const { stdout } = await molm(['show', '--json', `${join(dir, 'packed')}:${quant}`])
      assert.is(JSON.parse(stdout).quant, quant)
    }
    assertRefused(
      await molm(['show', `${join(dir, 'packed')}:f32`]),
      1,
      /packed as q[48], q[48]; f32 needs the checkpoint/,
    )
    await mkdir(join(dir, 'home'))
    const env = { MOLM_HOME: join(dir, 'home') }
    assertRefused(await molm(['convert', 'nothing', join(dir, 'x')], { env }), 1, /no model 'nothing'/)
  }))

test.run()
