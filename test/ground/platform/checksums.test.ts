import { createHash } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { crc32, Sha256, sha256Hex } from '#molm/ground/platform/checksums.js'
import { crc32ByTable } from '#molm/ground/platform/crc32-by-table.js'

const bytes = Uint8Array.from({ length: 100_000 }, (_, i) => (i * i) >> 3)

test('the CRC-32 of the usual check text is the published one, by zlib and by table', () => {
  const text = new TextEncoder().encode('123456789')
  assert.is(crc32(text), 0xcbf43926)
  assert.is(crc32ByTable(text), 0xcbf43926)
  assert.is(crc32(new Uint8Array()), 0)
})

test('zlib and the table agree, at once and in pieces, also in shared memory', () => {
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length))
  shared.set(bytes)
  const expected = crc32ByTable(bytes)
  assert.is(crc32(bytes), expected)
  assert.is(crc32(shared), expected)
  assert.is(crc32ByTable(bytes.subarray(777), crc32ByTable(bytes.subarray(0, 777))), expected)
  assert.is(crc32(bytes.subarray(777), crc32(bytes.subarray(0, 777))), expected)
})

test('SHA-256 is the same at once and in pieces', () => {
  const expected = createHash('sha256').update(bytes).digest('hex')
  assert.is(sha256Hex(bytes), expected)
  assert.is(new Sha256().add(bytes.subarray(0, 777)).add(bytes.subarray(777)).hex(), expected)
})

test.run()
