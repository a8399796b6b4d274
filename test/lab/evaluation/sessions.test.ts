import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { sequencesAtOnce } from '#molm/lab/evaluation/reading.js'

test('fewer long sequences run at once, but at least two', () => {
  assert.is(sequencesAtOnce(64, 32), 32)
  assert.is(sequencesAtOnce(512, 32), 8)
  assert.is(sequencesAtOnce(100_000, 32), 2)
})

test.run()
