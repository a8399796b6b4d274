import { copyFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { fixturePath } from '../support/fixtures.js'
import { HAS_PSEUDO_TERMINAL, PseudoTerminal } from '../support/pseudo-terminal.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { ended, molm, startMolm } from './molm.js'

const inTerminal = HAS_PSEUDO_TERMINAL ? test : test.skip
const ASK = ['-n', '4', '--temperature', '0', '--raw', '-t', '1']

/** Runs `use` with a GGUF file, and with commands whose MOLM_HOME is in the folder of the file. */
function withFile(use: (file: string, run: (...args: string[]) => ReturnType<typeof molm>, dir: string) => unknown) {
  return inTemporaryFolder(async (dir) => {
    const file = join(dir, 'granite-Q4_K_M.gguf')
    await copyFile(fixturePath('gguf/granitemoe-all-types/model.gguf'), file)
    await use(file, (...args) => molm(args, { env: { MOLM_HOME: join(dir, 'home') } }), dir)
  })
}

inTerminal(`a terminal shows the progress${HAS_PSEUDO_TERMINAL ? '' : ' (skipped: no `script` here)'}`, async () => {
  await withFile(async (file, _, dir) => {
    const args = ['bin/molm.js', 'run', '-m', file, 'ab', ...ASK, '--quant', 'f32']
    const terminal = await PseudoTerminal.start({ args, columns: 70, env: { MOLM_HOME: join(dir, 'home') } })
    try {
      await terminal.waitFor(/packing 0 % of 8\.\d+ MB/)
      assert.is((await terminal.ended()).code, 0)
      assert.not.match(terminal.screen.text.join('\n'), /packing \d+ %/)
    } finally {
      await terminal.close()
    }
  })
})

inTerminal('a warning during the packing has its own line', async () => {
  await inTemporaryFolder(async (dir) => {
    const file = fixturePath('gguf/gptoss-mxfp4/model.gguf')
    const args = ['bin/molm.js', 'run', '-m', file, 'ab', ...ASK]
    const terminal = await PseudoTerminal.start({ args, columns: 70, env: { MOLM_HOME: join(dir, 'home') } })
    try {
      await terminal.ended()
      const text = terminal.screen.text.join('\n')
      assert.match(text, /^molm: warning:/m)
      assert.not.match(text, /packing \d+ %/)
    } finally {
      await terminal.close()
    }
  })
})

test('Ctrl-C keeps what is done, and the same command resumes', async () => {
  await withFile(async (file, run, dir) => {
    const child = startMolm(['run', '-m', file, 'ab', ...ASK, '--quant', 'f32'], { MOLM_HOME: join(dir, 'home') })
    child.stdin.end()
    child.stderr.once('data', () => child.kill('SIGINT'))
    const { code, stderr } = await ended(child)
    // The file is small: its packing may be over before the signal.
    if (code !== 0) {
      assert.is(code, 130, stderr)
      assert.match(stderr, /progress is kept: run the same command to resume\n/)
    }
    const again = await run('run', '-m', file, 'ab', ...ASK, '--quant', 'f32')
    assert.is(again.code, 0, again.stderr)
    assert.equal(await readdir(join(dir, 'home', 'locks')), [])
  })
})

test.run()
