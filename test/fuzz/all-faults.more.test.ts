import { execFileSync } from 'node:child_process'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { FORMATS as BROKEN } from './broken-formats.js'
import { supervise } from './supervisor.js'

const test = suite('the fuzzer and the other faults')

/** Fault that the supervisor must report for each other broken reader. */
const FAULTS: Record<string, RegExp> = {
  waits: /^no answer within 0.5 s$/,
  'never settles': /^no answer, and nothing pending$/,
  'exhausts the heap': /heap out of memory/,
  'takes memory': /^took 4\d\d MB of memory$/,
  pollutes: /^the number of properties of a prototype changed$/,
  'does not foresee': /^unexpected: TypeError/,
  'leaves a rejection': /^unhandled rejection: Error: never handled/,
  'prints control characters': /^message with control characters/,
}

test('every fault of a reader is found and reported', async () => {
  await inTemporaryFolder(async (keepIn) => {
    const formats = await Promise.all(Object.keys(FAULTS).map((name) => BROKEN[name]()))
    const stretches = formats.map((format) => ({ format, from: 0, to: 1 }))
    const table = new URL('broken-formats.js', import.meta.url).href
    // With this seed the first input of every broken reader is damaged.
    const tallies = await supervise({ table, seed: 2, jobs: 2, keepIn }, stretches)
    for (const { format, failures } of tallies) {
      assert.is(failures.length, 1, format)
      assert.match(failures[0].fault, FAULTS[format])
    }
    assert.is(tallies.length, formats.length)
  })
})

test('a process reports its own peak memory, not that of a large parent', () => {
  const judge = new URL('judge.js', import.meta.url).href
  const inner = `import { peakMemory } from ${JSON.stringify(judge)}; process.stdout.write(String(peakMemory()))`
  const outer = `const held = Buffer.alloc(400e6, 1)
    const { execFileSync } = require('node:child_process')
    process.stdout.write(held.length + ' ' + execFileSync(process.execPath, ['--input-type=module', '-e', process.argv[1]]))`
  const [held, peak] = String(execFileSync(process.execPath, ['-e', outer, inner]))
    .split(/\s+/)
    .map(Number)
  assert.is(held, 400e6)
  assert.ok(peak > 20e6 && peak < 200e6, `its peak is ${peak}`)
})

test.run()
