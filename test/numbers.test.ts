import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parseSize } from '#molm/cli/options.js'
import { formatBytes, formatCount, formatSize } from '#molm/numbers.js'

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

test('sizes are written as options take them, and are never too small', () => {
  for (const text of ['350MiB', '1MB', '800MB', '3GiB', '1536MiB', '7TiB', '12kB', '999B', '1KiB', '1025B']) {
    const bytes = parseSize('--memory', text)
    assert.is(formatSize(bytes), bytes === 1025 ? '1.03kB' : text)
  }
  assert.is(formatSize(2_413_056), '2.42MB')
  assert.is(formatSize(16_612_345_678), '16.7GB')
  assert.is(formatSize(999_999_999), '1000MB')
  for (let bytes = 1; bytes < 2 ** 45; bytes = Math.ceil(bytes * 1.37)) {
    const given = parseSize('--memory', formatSize(bytes))
    assert.ok(given >= bytes && given <= bytes * 1.011, `${bytes} bytes as ${formatSize(bytes)}`)
  }
})

test.run()
