import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parseSize } from '#molm/cli/parsing/options.js'
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatElapsed,
  formatRoughly,
  formatSize,
} from '#molm/ground/numbers.js'
import { describeReading } from '#molm/ground/output/reading.js'

test('numbers have three digits and a unit', () => {
  assert.is(
    [0, 999, 1000, 9_699_456, 99_960, 999_499, 999_500].map(formatCount).join(', '),
    '0, 999, 1.00 k, 9.70 M, 100 k, 999 k, 1.00 M',
  )
  assert.is(formatBytes(19_400_000), '19.4 MB')
  assert.is(formatBytes(12), '12 B')
})

test('changing numbers have two digits', () => {
  assert.is(
    [0, 256, 999, 1000, 1249, 9949, 9960, 33_600, 999_499].map(formatRoughly).join(', '),
    '0, 256, 999, 1.0 k, 1.2 k, 9.9 k, 10 k, 34 k, 999 k',
  )
})

test('durations are seconds first, then minutes, then hours', () => {
  assert.is(
    [0.2, 45, 89, 90, 600, 3599, 3600, 12_000].map(formatDuration).join(', '),
    '1 s, 45 s, 89 s, 2 min, 10 min, 1 h 0 min, 1 h 0 min, 3 h 20 min',
  )
})

test('a reading shows its progress, and the time left once its speed is known', () => {
  const total = 34_000
  assert.is(describeReading({ processed: 0, total, timeMs: 5000 }), 'reading 0 of 34 k tokens')
  assert.is(describeReading({ processed: 256, total, timeMs: 300 }), 'reading 256 of 34 k tokens')
  assert.is(describeReading({ processed: 1200, total, timeMs: 1500 }), 'reading 1.2 k of 34 k tokens, 41 s left')
  assert.is(describeReading({ processed: total, total, timeMs: 40_000 }), 'reading 34 k of 34 k tokens')
})

test('sizes have the form of options, and are never too small', () => {
  for (const text of ['350MiB', '1MB', '800MB', '3GiB', '1536MiB', '7TiB', '12kB', '999B', '1KiB', '1025B']) {
    const bytes = parseSize('--memory', text)
    assert.is(formatSize(bytes), bytes === 1025 ? '1.03kB' : text)
  }
  assert.is(formatSize(2_413_056), '2.42MB')
  assert.is(formatSize(2625 * 1024), '2.69MB')
  assert.is(formatSize(16_612_345_678), '16.7GB')
  assert.is(formatSize(999_999_999), '1000MB')
  for (let bytes = 1; bytes < 2 ** 45; bytes = Math.ceil(bytes * 1.37)) {
    const given = parseSize('--memory', formatSize(bytes))
    assert.ok(given >= bytes && given <= bytes * 1.011, `${bytes} bytes as ${formatSize(bytes)}`)
  }
})

test('an elapsed time has tenths below a second', () => {
  assert.is(
    [0, 0.05, 0.74, 0.999, 1, 1.9, 100].map(formatElapsed).join(', '),
    '0.1 s, 0.1 s, 0.7 s, 1.0 s, 1 s, 1 s, 2 min',
  )
})

test.run()
