import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { withPatchedLibrary } from '../support/patched-library.js'
import { molmProcess } from './molm.js'

const test = suite('lines that share a memory')

test('lines that do not fit beside each other are answered as they are alone', () => {
  // With 14 MB, nano leaves room for one of the first three texts.
  const pages = {
    file: 'kernels/memory/arena.js',
    from: 'MEMORY_LIMIT = 65535 * PAGE',
    to: 'MEMORY_LIMIT = 220 * PAGE',
  }
  return withPatchedLibrary([pages], async (folder) => {
    const lines = [300, 290, 280, 5000].map((words) => JSON.stringify({ prompt: 'a '.repeat(words), raw: true }))
    const answers = async (parallel: number) => {
      const args = ['--batch', '-', '--parallel', String(parallel), '--seed', '1', '-n', '2']
      const options = { stdin: `${lines.join('\n')}\n`, bin: join(folder, 'bin', 'molm.js') }
      const { stdout } = await molmProcess(['run', '-q', ...args], options)
      return stdout.trimEnd().split('\n')
    }
    const [together, alone] = [await answers(4), await answers(1)]
    assert.equal(together, alone)
    assert.equal(
      alone.map((line) => JSON.parse(line).error),
      [
        undefined,
        undefined,
        undefined,
        'no room for 5.00 k tokens of text in the 4 GiB of a WebAssembly memory; `context` N lets only the latest N count',
      ],
    )
  })
})

test.run()
