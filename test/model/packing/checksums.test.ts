import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { isCrcFast } from '#molm/ground/platform/checksums.js'
import { checksumsOf, matchesCrc32 } from '#molm/model/packing/format/checksums.js'

const bytes = Uint8Array.from({ length: 100_000 }, (_, i) => (i * i) >> 3)

test('a CRC-32 has eight hex digits', () => {
  assert.is(checksumsOf(new TextEncoder().encode('123456789')).crc32, 'cbf43926')
  assert.is(checksumsOf(new Uint8Array()).crc32, '00000000')
})

test('a flipped bit is found, and any bytes count as right if no checksum is known', () => {
  const expected = checksumsOf(bytes).crc32
  assert.ok(matchesCrc32(bytes, expected))
  const other = bytes.slice()
  other[50_000] ^= 4
  assert.is(matchesCrc32(other, expected), !isCrcFast, 'an old Node does not compare')
  assert.ok(matchesCrc32(other, undefined))
})

test.run()
