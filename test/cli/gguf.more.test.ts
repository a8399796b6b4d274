import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { fixturePath } from '../support/fixtures.js'
import { HAS_PSEUDO_TERMINAL, withTerminal } from '../support/pseudo-terminal.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { ASK, withFile } from './gguf-file.js'
import { ended, startMolm } from './molm.js'

const inTerminal = HAS_PSEUDO_TERMINAL ? test : test.skip

/** A command in a terminal, with MOLM_HOME in a folder. */
const command = (dir: string, ...words: string[]) => ({
  args: ['bin/molm.js', 'run', ...ASK, ...words],
  columns: 70,
  env: { MOLM_HOME: join(dir, 'home') },
})

inTerminal('a terminal shows the progress', () =>
  withFile((file, _, dir) =>
    withTerminal(command(dir, '-m', file, 'ab', '--quant', 'f32'), async (terminal) => {
      await terminal.waitFor(/packing 0 % of 8\.\d+ MB/)
      assert.is((await terminal.ended()).code, 0)
      assert.not.match(terminal.screen.text.join('\n'), /packing \d+ %/)
    }),
  ),
)

inTerminal('a warning during the packing has its own line', () =>
  inTemporaryFolder((dir) =>
    withTerminal(command(dir, '-m', fixturePath('gguf/gptoss-mxfp4/model.gguf'), 'ab'), async (terminal) => {
      await terminal.ended()
      const text = terminal.screen.text.join('\n')
      assert.match(text, /^molm: warning:/m)
      assert.not.match(text, /packing \d+ %/)
    }),
  ),
)

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
