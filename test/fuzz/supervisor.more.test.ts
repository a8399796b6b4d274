import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { FORMATS, MISDEEDS } from './broken-formats.js'
import { take } from './files.js'
import { supervise } from './supervisor.js'

test('every fault of a reader is found and reported with its case, and the input is kept', () =>
  inTemporaryFolder(async (keepIn) => {
    const formats = await Promise.all(Object.values(FORMATS).map((open) => open()))
    const table = new URL('broken-formats.js', import.meta.url).href
    // With this seed the first input of every broken reader is damaged.
    const plan = { table, seed: 2, jobs: 2, keepIn }
    const tallies = await supervise(
      plan,
      formats.map((format) => ({ format, from: 0, to: 1 })),
    )
    assert.is(tallies.length, formats.length)
    for (const { format, failures, refused } of tallies) {
      const [, fault] = MISDEEDS[format]
      assert.equal([failures.length, refused], fault ? [1, 0] : [0, 1], `${format}: ${JSON.stringify(failures)}`)
      for (const failure of failures) {
        assert.match(failure.fault, fault ?? '')
        assert.equal([failure.case, failure.notes], [0, ['harmed']])
        assert.equal(take(failure.input), new Map([['file', Uint8Array.of(1)]]))
      }
    }
  }))

test.run()
