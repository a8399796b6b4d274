import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { crc32, crc32ByTable, crc32Hex, isCrcFast, matchesCrc32 } from '#molm/packing/format/crc32.js'

const bytes = Uint8Array.from({ length: 100_000 }, (_, i) => (i * i) >> 3)

test('the CRC-32 of the usual check text is the published one, in either way', () => {
  const text = new TextEncoder().encode('123456789')
  assert.is(crc32Hex(text), 'cbf43926')
  assert.is(crc32ByTable(text), 0xcbf43926)
  assert.is(crc32Hex(new Uint8Array()), '00000000')
})

test('both ways agree, in one go and in pieces, also in shared memory', () => {
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length))
  shared.set(bytes)
  const expected = crc32ByTable(bytes)
  assert.is(crc32(bytes), expected)
  assert.is(crc32(shared), expected)
  assert.is(crc32ByTable(bytes.subarray(777), crc32ByTable(bytes.subarray(0, 777))), expected)
  assert.is(crc32(bytes.subarray(777), crc32(bytes.subarray(0, 777))), expected)
})

test('a flipped bit is found, and what is not known counts as right', () => {
  const expected = crc32Hex(bytes)
  assert.ok(matchesCrc32(bytes, expected))
  const other = bytes.slice()
  other[50_000] ^= 4
  assert.is(matchesCrc32(other, expected), !isCrcFast, 'an old Node does not compare')
  assert.ok(matchesCrc32(other, undefined))
})

test.run()
