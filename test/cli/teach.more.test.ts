import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { HAS_PSEUDO_TERMINAL, withTerminal } from '../support/pseudo-terminal.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { lesson, STRANGE, teachSuite } from './lesson.js'
import { assertRefused, ended, molm, type Running, startMolm } from './molm.js'

const test = teachSuite()
const LONG = { repeats: 30, batch: 128 }

/** Waits until a command has printed a text that matches on stderr. */
function printed(child: Running, pattern: RegExp): Promise<RegExpExecArray> {
  return new Promise((resolve, reject) => {
    let seen = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      seen += text
      const found = pattern.exec(seen)
      if (found) resolve(found)
    })
    child.once('exit', () => reject(new Error(`ended without ${pattern}: ${seen}`)))
  })
}

test('Ctrl-C writes the best state and exits with 130; a killed training can be resumed', ({ tiny }) =>
  inTemporaryFolder(async (dir) => {
    const quick = await lesson(dir, LONG)
    const out = join(dir, 'taught')
    const endless = ['teach', tiny, out, ...quick, '--steps', '100000']
    const child = startMolm(endless)
    child.stdin.end()
    await printed(child, /step 25 of/)
    child.kill('SIGINT')
    const { code, stdout } = await ended(child)
    assert.is(code, 130)
    assert.is(stdout, `${join(out, 'model-q4.molm.safetensors')}\n`)
    assert.ok((await readdir(dir)).includes('taught.teaching'), 'the state is kept beside it')
    const again = startMolm([...endless, '--resume'])
    again.stdin.end()
    const [, resumed] = await printed(again, /step (\d+) of/)
    again.kill('SIGKILL')
    await ended(again)
    assert.ok(Number(resumed) > 25, `it resumes at step ${resumed}`)
    assert.is((await molm(['run', '-m', out, '-n', '3', 'Zwölf'])).code, 0, 'the model that was written is whole')
  }))

test('a short text is taught in smaller steps, and the plan says so', ({ tiny }) =>
  inTemporaryFolder(async (dir) => {
    const text = join(dir, 'short.txt')
    await writeFile(text, STRANGE.repeat(7).slice(0, 400))
    const { code, stdout, stderr } = await molm(['teach', tiny, '--text', text, '--dry-run', '-q'])
    assert.is(code, 0, stderr)
    assert.match(stdout, /steps +96 of 256 tokens \(the text is too short for 2048\), \d+ per epoch/)
    await writeFile(text, 'Zwölf Boxkämpfer')
    assertRefused(
      await molm(['teach', tiny, '--text', text, '--dry-run']),
      1,
      /the texts have \d+ tokens to learn from \(a tenth is held out\); at least 64 are needed/,
    )
  }))

const inTerminal = HAS_PSEUDO_TERMINAL ? test : test.skip
inTerminal('on a terminal the status line leaves nothing in front of the notes', ({ tiny }) =>
  inTemporaryFolder(async (dir) => {
    const quick = await lesson(dir, LONG)
    const args = ['bin/molm.js', 'teach', tiny, join(dir, 'taught'), ...quick, '--steps', '1']
    await withTerminal({ args, columns: 120, env: { MOLM_HOME: process.env.MOLM_HOME } }, async (terminal) => {
      assert.is((await terminal.ended()).code, 0)
      const lines = terminal.screen.text.map((line) => line.trimEnd())
      assert.ok(lines.some((line) => line.startsWith('molm: learnt: ')))
      for (const line of lines) assert.ok(!line.slice(1).includes('molm: '), line)
    })
  }),
)

test.run()
