import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { withPatchedLibrary } from '../support/patched-library.js'
import { molmProcess } from './molm.js'

const test = suite('lines that share a memory')

test('lines that do not fit beside each other are answered as they are alone', () => {
  // With 14 MB, nano leaves room for one of the first three texts.
  const limit = (pages: number) => `MEMORY_LIMIT = ${pages} * PAGE`
  const patch = { file: 'kernels/memory/arena.js', from: limit(65535), to: limit(220) }
  return withPatchedLibrary([patch], async (folder) => {
    const lines = [300, 290, 280, 5000].map((words) => JSON.stringify({ prompt: 'a '.repeat(words), raw: true }))
    const answers = async (parallel: number) => {
      const args = ['--batch', '-', '--parallel', String(parallel), '--seed', '1', '-n', '2']
      const options = { stdin: `${lines.join('\n')}\n`, bin: join(folder, 'bin', 'molm.js') }
      const { stdout } = await molmProcess(['run', '-q', ...args], options)
      return stdout.trimEnd().split('\n')
    }
    const [together, alone] = [await answers(4), await answers(1)]
    assert.equal(together, alone)
    const errors = alone.map((line) => JSON.parse(line).error)
    assert.equal(errors.slice(0, 3), [undefined, undefined, undefined])
    assert.is(
      errors[3],
      'no room for 5.00 k tokens of text in the 4 GiB of a WebAssembly memory; `context` N lets only the latest N count',
    )
  })
})

test.run()
