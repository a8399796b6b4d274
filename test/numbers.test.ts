import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { formatBytes, formatCount } from '#molm/numbers.js'

test('numbers are written with three digits and a unit', () => {
  assert.equal([0, 999, 1000, 9_699_456, 99_960, 999_499, 999_500].map(formatCount), [
    '0',
    '999',
    '1.00 k',
    '9.70 M',
    '100 k',
    '999 k',
    '1.00 M',
  ])
  assert.is(formatBytes(19_400_000), '19.4 MB')
  assert.is(formatBytes(12), '12 B')
})

test.run()
