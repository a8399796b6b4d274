import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { UserError } from '#molm/ground/errors.js'
import { readSafetensors } from '#molm/model/checkpoint/safetensors.js'
import { safetensorsHeader } from '#molm/model/checkpoint/safetensors-header.js'
import { joinBytes, littleEndian } from '../../support/bytes.js'
import { bytesSource } from '../../support/memory-files.js'
import { readFloats } from '../../support/read-floats.js'
import { rejectsWithUserError, thrownBy } from '../../support/rejects.js'
import { safetensors } from '../../support/safetensors-writer.js'

const read = (file: Uint8Array) => readSafetensors(bytesSource(file, 'model.safetensors'))
const refuses = (file: Uint8Array, pattern: RegExp) => rejectsWithUserError(() => read(file), pattern)
const f32 = (shape: unknown, from: number, to: number) => ({ dtype: 'F32', shape, data_offsets: [from, to] })
const eight = new Uint8Array(Float32Array.of(1.5, -2).buffer)

test('tensors come in the order of their data, with the metadata', async () => {
  const header = { z: f32([1], 0, 4), a: f32([], 4, 8), none: f32([0, 7], 8, 8), __metadata__: { format: 'pt' } }
  const { tensors, metadata } = await read(safetensors(header, eight))
  assert.equal(
    tensors.map(({ name, shape }) => ({ name, shape })),
    [
      { name: 'z', shape: [1] },
      { name: 'a', shape: [] },
      { name: 'none', shape: [0, 7] },
    ],
  )
  assert.equal(await Promise.all(tensors.map(async (t) => [...(await readFloats(t))])), [[1.5], [-2], []])
  assert.equal(metadata, { format: 'pt' })
})

test('a header padded with spaces is read', async () => {
  const { tensors } = await read(safetensors(`${JSON.stringify({ a: f32([2], 0, 8) })}     `, eight))
  assert.equal([...(await readFloats(tensors[0]))], [1.5, -2])
})

test('an unknown dtype is named, with its tensor', async () => {
  const entry = { ...f32([8], 0, 8), dtype: 'F8_E4M3' }
  await refuses(safetensors({ odd: entry }, eight), /model\.safetensors: tensor odd has the unknown dtype "F8_E4M3"/)
  for (const dtype of [undefined, null, 7, ['F32'], { toString: 1, valueOf: 1 }, 'constructor', '__proto__']) {
    await refuses(safetensors({ odd: { ...entry, dtype } }, eight), /tensor odd has the unknown dtype/)
  }
})

test('a file cut short anywhere is refused', async () => {
  const whole = safetensors({ a: f32([2], 0, 8) }, eight)
  for (let size = 0; size < whole.length; size++) await refuses(whole.slice(0, size), /cut short/)
})

test('an impossible header length is refused without reading that many bytes', async () => {
  for (const length of [2n ** 64n - 1n, 2n ** 63n, 2n ** 40n, 2n ** 26n]) {
    await refuses(joinBytes(littleEndian(length, 8), '{}'), /not a safetensors file/)
  }
  await refuses(joinBytes(littleEndian(3, 8), '{}'), /cut short \(its header has 3 bytes/)
})

test('a header that is not a JSON object is refused', async () => {
  await refuses(safetensors('{"a":', eight), /\(header\): not valid JSON/)
  await refuses(safetensors('[1]', eight), /a JSON object was expected/)
  await refuses(safetensors('', eight), /not valid JSON/)
  await refuses(joinBytes(littleEndian(2, 8), [0xff, 0xfe], eight), /not UTF-8/)
  await refuses(safetensors(`{"a":${'['.repeat(1e6)}`), /nested more than 64 deep/)
  await refuses(safetensors({ a: 3 }, eight), /tensor a has no description/)
  await refuses(safetensors({ __metadata__: { a: { toString: 1 } } }), /__metadata__/)
})

test('sizes that disagree are refused', async () => {
  await refuses(safetensors({ a: f32([3], 0, 8) }, eight), /tensor a has 8 bytes of data, which does not fit F32 \[3\]/)
  await refuses(safetensors({ a: f32([2 ** 40, 2 ** 40], 0, 8) }, eight), /does not fit/)
  await refuses(safetensors({ a: f32([0, 2 ** 52, 2 ** 52], 0, 0) }), /tensor a has an impossible size or stride/)
  await refuses(safetensors({ a: f32([2], 8, 0) }, eight), /impossible data_offsets/)
  await refuses(safetensors({ a: f32([2], -8, 0) }, eight), /impossible data_offsets/)
  await refuses(safetensors({ a: { ...f32([2], 0, 8), data_offsets: [0, 4, 8] } }, eight), /impossible data_offsets/)
  for (const shape of [null, [-1], [0.5], ['2'], {}, new Array(100).fill(1)]) {
    await refuses(safetensors({ a: f32(shape, 0, 8) }, eight), /tensor a has a shape that is not a list of sizes/)
  }
})

test('a shape with very many dimensions is cut in the message', async () => {
  const many = new Array(60).fill(10 ** 15)
  const error = await thrownBy(read(safetensors({ a: f32(many, 0, 8) }, eight)))
  assert.instance(error, UserError)
  const { message } = error as UserError
  assert.match(
    message,
    /tensor a has 8 bytes of data, which does not fit F32 \[1000000000000000, .*, \.\.\. 60 dimensions\]$/,
  )
  assert.ok(message.length < 300, message)
})

test('data that overlaps, leaves a hole or is left over is refused', async () => {
  await refuses(safetensors({ a: f32([2], 0, 8), b: f32([1], 4, 8) }, eight), /data of tensor b overlaps/)
  await refuses(safetensors({ a: f32([2], 0, 8), b: f32([2], 0, 8) }, eight), /overlaps/)
  await refuses(safetensors({ b: f32([1], 4, 8) }, eight), /stray bytes before the data of tensor b/)
  await refuses(safetensors({ b: f32([1], 0, 4) }, eight), /4 stray bytes after the last tensor/)
})

test('names from the file cannot steer the terminal', async () => {
  const error = await thrownBy(read(safetensors({ 'a\u001b[2J\nb': 3 }, eight)))
  assert.instance(error, UserError)
  assert.match((error as UserError).message, 'tensor a\\x1b[2J\\x0ab has')
})

test('keys with a meaning in JavaScript are ordinary names', async () => {
  const { tensors } = await read(safetensors(`{"__proto__":${JSON.stringify(f32([2], 0, 8))}}`, eight))
  assert.is(tensors[0].name, '__proto__')
})

test('a written header is read back, and the data begin at a multiple of its alignment', async () => {
  const written = [
    { name: 'z', dtype: 'I32', shape: [3] },
    { name: 'none', dtype: 'F32', shape: [0, 7] },
    { name: 'ä', dtype: 'BF16', shape: [2, 3] },
  ] as const
  for (const alignment of [8, 64]) {
    const header = safetensorsHeader(written, { format: 'x' }, alignment)
    assert.is(header.length % alignment, 0)
    const { tensors, metadata } = await read(joinBytes(header, new Uint8Array(24)))
    assert.equal(metadata, { format: 'x' })
    assert.equal(
      tensors.map(({ name, dtype, shape, offset }) => ({ name, dtype, shape, at: offset - header.length })),
      written.map((tensor, i) => ({ ...tensor, at: [0, 12, 12][i] })),
    )
  }
})

test.run()
