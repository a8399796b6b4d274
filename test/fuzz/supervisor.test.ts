import { execFileSync } from 'node:child_process'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { FORMATS as BROKEN, LONG_SECONDS } from './broken-formats.js'
import { Chance } from './chance.js'
import { take } from './files.js'
import { FORMATS } from './formats.js'
import { supervise, type Tally } from './supervisor.js'
import { runWatched } from './watched-child.js'

const test = suite('the fuzzer')
/** With this seed the first two inputs of every broken reader are damaged. */
const SEED = 2
const TABLE = new URL('broken-formats.js', import.meta.url).href

/** Fault that the supervisor must report for each broken reader. */
const FAULTS: Record<string, RegExp> = {
  hangs: /^no answer within 0.5 s$/,
  waits: /^no answer within 0.5 s$/,
  'never settles': /^no answer, and nothing pending$/,
  aborts: /^the process ended with SIGABRT/,
  'exhausts the heap': /heap out of memory/,
  'takes memory': /^took 4\d\d MB of memory$/,
  'writes elsewhere': /^wrote outside its folder: writeFile .*stray$/,
  pollutes: /^the number of properties of a prototype changed$/,
  'is wrong': /^accepted, but a shape is wrong$/,
  'does not foresee': /^unexpected: TypeError/,
  'leaves a rejection': /^unhandled rejection: Error: never handled/,
  'prints control characters': /^message with control characters/,
}

test('every fault of a reader is found and reported with its case, and the input is kept', async () => {
  await inTemporaryFolder(async (keepIn) => {
    const formats = await Promise.all(Object.values(BROKEN).map((load) => load()))
    const inputs = (name: string) => (name === 'hangs' || name === 'is fine' ? 2 : 1)
    const stretches = formats.map((format) => ({ format, from: 0, to: inputs(format.name) }))
    const tallies = await supervise({ table: TABLE, seed: SEED, jobs: 3, keepIn }, stretches)
    const byName = new Map(tallies.map((tally): [string, Tally] => [tally.format, tally]))
    for (const [name, fault] of Object.entries(FAULTS)) {
      const { failures = [] } = byName.get(name) ?? {}
      assert.is(failures.length, inputs(name), `${name}: ${JSON.stringify(failures)}`)
      for (const [index, failure] of failures.entries()) {
        assert.match(failure.fault, fault)
        assert.is(failure.case, index)
        assert.equal(failure.notes, ['harmed'])
        assert.equal(take(failure.input), new Map([['file', Uint8Array.of(1)]]))
      }
    }
    const { failures, refused } = byName.get('is fine') ?? {}
    assert.equal({ failures, refused }, { failures: [], refused: 2 })
    const replay = byName.get('is wrong')?.failures[0].input
    const job = { table: TABLE, format: 'is wrong', seed: 9, from: 0, to: 1, replay }
    const { faults } = await runWatched(job, { seconds: LONG_SECONDS })
    assert.is(faults[0].fault, 'accepted, but a shape is wrong')
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

test('the same seed gives the same inputs, and another seed gives others', async () => {
  for (const name of ['safetensors', 'torch-zip', 'pickle', 'index', 'task', 'template', 'tokenizer']) {
    const format = await FORMATS[name]()
    const reader = await format.prepare('')
    const inputs = (seed: number) =>
      Array.from({ length: 20 }, (_, index) => {
        const chance = new Chance(seed, name, index)
        return reader.harm(reader.sound(chance), chance)
      })
    assert.equal(inputs(1), inputs(1))
    assert.not.equal(inputs(1), inputs(2))
  }
})

test.run()
