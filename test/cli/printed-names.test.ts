import { spawnSync } from 'node:child_process'
import { cp, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { fixturePath, repositoryPath } from '../support/fixtures.js'
import { HAS_PSEUDO_TERMINAL, withTerminal } from '../support/pseudo-terminal.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { withHub } from '../support/with-hub.js'
import { molm, NANO } from './molm.js'

const CLEAR = '\x1b[2J'
/** A name that clears the screen. */
const HOSTILE = `a${CLEAR}b`
const inTerminal = HAS_PSEUDO_TERMINAL ? test : test.skip

/** Runs a command and checks that it prints no control characters except line breaks and tabs. */
async function runPrintable(...args: string[]): Promise<string> {
  const { stdout, stderr } = await molm(args, { env: { MOLM_HOME: process.env.MOLM_HOME } })
  assert.not.match(stdout + stderr, /[^\P{Cc}\n\t]/u, args.join(' '))
  return stdout + stderr
}

test('escape sequences in untrusted names of models, labels and commits are printed, not executed', async () => {
  await withHub(async (hub, dir) => {
    const classifier = join(dir, HOSTILE)
    await cp(fixturePath('13-classifier-safetensors-f32'), classifier, { recursive: true })
    const config = JSON.parse(await readFile(join(classifier, 'config.json'), 'utf8'))
    config.id2label = { 0: HOSTILE, 1: `x\t${CLEAR}`, 2: '\x9b2J' }
    config.label2id = undefined
    await writeFile(join(classifier, 'config.json'), JSON.stringify(config))
    const packed = join(dir, 'packed')
    await molm(['convert', classifier, packed])
    const card = await runPrintable('show', packed)
    assert.match(card, /source +a\\x1b\[2Jb/)
    assert.match(card, /labels +a\\x1b\[2Jb, /)
    assert.match(await runPrintable('classify', '-m', packed, 'a day'), /a\\x1b\[2Jb/)
    await runPrintable('show', join(dir, 'no', HOSTILE))

    await hub.serve('org/model', '02-base-safetensors-f32')
    const { stdout: path } = await molm(['pull', 'org/model', '-q'], { env: { MOLM_HOME: process.env.MOLM_HOME } })
    const bytes = await readFile(path.trim(), 'latin1')
    const changed = bytes.replace('a'.repeat(40), JSON.stringify(CLEAR).slice(1, -1).padEnd(40, 'a'))
    assert.is(changed.length, bytes.length)
    await writeFile(path.trim(), changed, 'latin1')
    assert.match(await runPrintable('list'), /org\/model\tq4\t.*\t\\x1b\[2Jaaa\n/)
  })
})

test('unexpected errors print no control characters either', async () => {
  const script = `
    import { reportError } from '#molm/cli/io/errors.js'
    reportError(new Error('Unexpected token \\x1f\\x08\\x1b[2J in JSON'))`
  const { stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    cwd: repositoryPath('.'),
    encoding: 'utf8',
  })
  assert.match(stderr, /Unexpected token \\x1f\\x08\\x1b\[2J in JSON\n\(unexpected error; MOLM_DEBUG=1/)
})

inTerminal('an answer with escape sequences is sanitised for a terminal and unchanged in a pipe', async () => {
  await inTemporaryFolder(async (dir) => {
    // The byte of ESC replaces the letter e in every token.
    const model = join(dir, 'model')
    await cp(NANO, model, { recursive: true })
    const path = join(model, 'tokenizer.json')
    const tokenizer = JSON.parse(await readFile(path, 'utf8'))
    const exchanged = (token: string) =>
      token === '<|endoftext|>' ? token : token.replace(/[eě]/g, (c) => (c === 'e' ? 'ě' : 'e'))
    const { vocab, merges } = tokenizer.model
    tokenizer.model.vocab = Object.fromEntries(Object.entries(vocab).map(([token, id]) => [exchanged(token), id]))
    tokenizer.model.merges = merges.map(exchanged)
    await writeFile(path, JSON.stringify(tokenizer))
    for (const name of ['vocab.json', 'merges.txt']) await rename(join(model, name), join(dir, name))
    const args = ['run', '-m', model, '--raw', '-n', '20', '--temperature', '0', 'And th\x1b']
    assert.ok((await molm(args)).stdout.includes('\x1b'))
    const command = ['bin/molm.js', ...args.with(-1, 'And th')]
    await withTerminal({ args: command, outputOnly: true }, async (terminal) => {
      assert.is((await terminal.ended()).code, 0, terminal.output)
      // Progress erases its line before it draws.
      assert.not.match(terminal.output.replaceAll('\r\x1b[K', ''), /[^\P{Cc}\r\n\t]/u)
    })
  })
})

test.run()
