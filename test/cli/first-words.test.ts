import { mkdir, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { LANTERN } from '../support/lantern.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { assertAllRefused, assertRefused, molm, molmProcess, TINY } from './molm.js'

test('a lone word that looks like a command is not sent to the model', async () => {
  await assertAllRefused('', [
    ['lst', /^molm: 'lst' is not a command; did you mean 'molm list'\?\n'molm run lst' asks the model\n$/],
    ['-m nano chta', /did you mean 'molm chat'/],
    ['exprts --csv', /did you mean 'molm experts'/],
    ['version', /did you mean 'molm --version'/],
    ['help nope', /^molm: 'nope' is not a command; see molm --help\n/],
    ['help covert', /did you mean 'molm help convert'/],
  ])
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

test('options of llama.cpp and ollama are understood, a command is a prompt after run, and - is stdin', async () => {
  const tokens = async (args: string[], stdin?: string) => {
    const all = [...args, '-m', TINY, '--num-thread', '1', '--ignore-eos', '--json']
    const { stdout, stderr } = await molm(all, { stdin })
    assert.is(stderr, '')
    return JSON.parse(stdout).tokens
  }
  const ours = await tokens(['run', '--temperature', '0', '-n', '5', 'list'])
  assert.is(ours.length, 5)
  assert.equal(await tokens(['--temp', '0', '--num-predict', '5', '-p', 'list']), ours)
  assert.equal(await tokens(['run', '--temp', '0', '-n', '5', '-f', '-'], 'list\n'), ours)
  const { code } = await molm(['-n', '1', '-m', TINY, '--', 'list'])
  assert.is(code, 0, 'behind -- nothing is a command')
  await assertAllRefused('', [
    ['--num-ctx 0 x', /--context must be/],
    ['--num-thread x x', /--threads must be/],
  ])
  const unlimited = ['--temp', '0', '-n', '-1', '--stop', '.', '-']
  const { stdout, stderr } = await molm(unlimited, { stdin: `${LANTERN.question}\n` })
  assert.is(stdout, `${LANTERN.answer.replace(/\..*/, '')}\n`, stderr)
})

test('- names one file only, which must be a text', async () => {
  assertRefused(await molm(['-f', '-', '--messages', '-'], { stdin: '[]' }), 2, /'-' can name one file only/)
  const binary = await molm(['eval', '--text', '-'], { stdin: Buffer.of(0xff, 0xfe, 0x80) })
  assertRefused(binary, 1, /stdin: line 1 is not valid UTF-8/)
})

test('a ~ that the shell did not expand is the home folder', async () => {
  await assertAllRefused('', [
    ['show ~/no/such', new RegExp(`^molm: ${homedir()}/no/such: no such file or folder`), 1],
    ['-f ~/no-such x', new RegExp(`^molm: ${homedir()}/no-such: no such file`), 1],
  ])
  const { stderr } = await molm(['show', 'other'], { env: { MOLM_HOME: '~/no-such-home' } })
  assert.match(stderr, new RegExp(`in ${homedir()}/no-such-home`))
})

test('an error says that $MOLM_MODEL named the model, and suggests a name', async () => {
  const env = { MOLM_MODEL: 'Nano' }
  assertRefused(await molm(['show'], { env }), 1, /did you mean nano\? \(named by \$MOLM_MODEL\)\n$/)
  assertRefused(await molmProcess(['show', 'Nano'], { env }), 1, /did you mean nano\?\n$/)
})

test('a folder named nano does not replace the built-in model, and a note names the folder', () =>
  inTemporaryFolder(async (dir) => {
    await mkdir(join(dir, 'nano'))
    await writeFile(join(dir, 'nano', 'config.json'), '{"model_type": "other"}')
    const run = (...args: string[]) => molmProcess(args, { cwd: dir })
    const line = ['-q', '-n', '2', '--temperature', '0', 'Hi']
    const models = [[], ['-m', 'nano'], ['-m', './nano']]
    const [plain, named, folder] = await Promise.all(models.map((model) => run(...model, ...line)))
    assert.equal([plain.code, plain.stderr], [0, ''])
    assert.equal(
      [named.stdout, named.stderr],
      [plain.stdout, 'molm: nano is the built-in model; ./nano is the folder here\n'],
    )
    assertRefused(folder, 1, /has model_type "other"/)
  }))

test('Deno, whose threads cannot look for messages, gets one line', async () => {
  const versions = "Object.defineProperty(process, 'versions', { value: { ...process.versions, deno: '2.9.6' } })"
  const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(versions)}` }
  const { code, stderr } = await molmProcess(['Hi'], { env })
  assert.equal([code, stderr], [1, 'molm: models run on Node 20 or newer and on Bun, not on Deno 2.9.6\n'])
})

test('convert refuses a model that is not there', () =>
  inTemporaryFolder(async (dir) => {
    const env = { MOLM_HOME: dir }
    assertRefused(await molm(['convert', 'nothing', join(dir, 'x')], { env }), 1, /no model 'nothing'/)
  }))

test.run()
