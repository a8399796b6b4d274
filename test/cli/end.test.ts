import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { withPatchedLibrary } from '../support/patched-library.js'
import { assertRefused, molmProcess } from './molm.js'

const test = suite('the end of a command')

const onPosix = process.platform === 'win32' ? test.skip : test

/** Threads of engines wait in the system at their end: Node cannot end them. The waits for them are short. */
const ENDLESS_ENDS = [
  { file: 'ground/platform/threads.js', from: 'ENDING_MS = 5_000', to: 'ENDING_MS = 200' },
  { file: 'engine/run/client.js', from: 'CLOSING_MS = 5_000', to: 'CLOSING_MS = 200' },
  {
    file: 'engine/run/worker.js',
    from: 'engine.close().then(() => mailbox.close())',
    to: "import('node:fs').then(({ readFileSync }) => readFileSync(process.env.PIPE))",
  },
]

onPosix('comes with its results and exit code, though Node cannot end the threads of engines', () =>
  withPatchedLibrary(ENDLESS_ENDS, async (folder) => {
    const PIPE = join(folder, 'pipe')
    execFileSync('mkfifo', [PIPE])
    const run = (...args: string[]) => molmProcess(args, { bin: join(folder, 'bin/molm.js'), env: { PIPE } })
    const whole = await run('Hi', '-n', '3', '--json')
    assert.equal([whole.code, whole.signal, whole.stderr], [0, null, ''])
    assert.is(JSON.parse(whole.stdout).finish_reason, 'length')
    assertRefused(await run('classify', 'Hi'), 1, /classif/)
  }),
)

test.run()
