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
const FINE = 'is fine'

/** Fault that the supervisor must report for a broken reader: one of each way to find it. */
const FAULTS: Record<string, RegExp> = {
  hangs: /^no answer within 0.5 s$/,
  aborts: /^the process ended with SIGABRT/,
  'writes elsewhere': /^wrote outside its folder: writeFile .*stray$/,
  'is wrong': /^accepted, but a shape is wrong$/,
}

test('a fault of a reader is found and reported with its case, and the input is kept', async () => {
  await inTemporaryFolder(async (keepIn) => {
    const formats = await Promise.all([...Object.keys(FAULTS), FINE].map((name) => BROKEN[name]()))
    const inputs = (name: string) => (name === 'is wrong' || name === FINE ? 2 : 1)
    const stretches = formats.map((format) => ({ format, from: 0, to: inputs(format.name) }))
    const tallies = await supervise({ table: TABLE, seed: SEED, jobs: 2, keepIn }, stretches)
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
    const { failures, refused } = byName.get(FINE) ?? {}
    assert.equal({ failures, refused }, { failures: [], refused: 2 })
    const replay = byName.get('is wrong')?.failures[0].input
    const job = { table: TABLE, format: 'is wrong', seed: 9, from: 0, to: 1, replay }
    const { faults } = await runWatched(job, { seconds: LONG_SECONDS })
    assert.is(faults[0].fault, 'accepted, but a shape is wrong')
  })
})

test('the same seed gives the same inputs, and another seed gives others', async () => {
  for (const name of ['safetensors', 'pickle', 'index']) {
    const format = await FORMATS[name]()
    const reader = await format.prepare('')
    const inputs = (seed: number) =>
      Array.from({ length: 8 }, (_, index) => {
        const chance = new Chance(seed, name, index)
        return reader.harm(reader.sound(chance), chance)
      })
    assert.equal(inputs(1), inputs(1))
    assert.not.equal(inputs(1), inputs(2))
  }
})

test.run()
