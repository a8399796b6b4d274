import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { ElementType } from '#molm/model/checkpoint/dtype.js'
import { bfloat16ToNumber, halfToNumber } from '../../support/element-values.js'
import { bytesSource } from '../../support/memory-files.js'
import { readFloats } from '../../support/read-floats.js'

async function floats(dtype: ElementType, values: ArrayBufferView): Promise<number[]> {
  const source = bytesSource(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
  const count =
    values.byteLength / { F64: 8, I64: 8, F32: 4, I32: 4, F16: 2, BF16: 2, I16: 2, I8: 1, U8: 1, BOOL: 1 }[dtype]
  return [...(await readFloats({ name: 'x', dtype, shape: [count], strides: [1], source, offset: 0 }))]
}

test('halves are exact, with subnormals, infinities, both zeros and NaN', async () => {
  const bits = [0x3c00, 0xc000, 0x7bff, 0x3555, 0x0400, 0x03ff, 0x0001, 0x8001, 0x7c00, 0xfc00, 0x0000, 0x8000, 0x7e01]
  const values = [1, -2, 65504, 1365 * 2 ** -12, 2 ** -14, 1023 * 2 ** -24, 2 ** -24, -(2 ** -24)]
  const expected = [...values, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, -0, Number.NaN]
  const found = await floats('F16', Uint16Array.from(bits))
  found.forEach((value, i) => void assert.ok(Object.is(value, expected[i]), `0x${bits[i].toString(16)} gave ${value}`))
})

test('every finite half is the next one after the half before it', () => {
  for (let bits = 1; bits < 0x7c00; bits++) {
    const step = 2 ** (Math.max((bits - 1) >> 10, 1) - 25)
    assert.is(halfToNumber(bits) - halfToNumber(bits - 1), step)
    assert.is(halfToNumber(bits | 0x8000), -halfToNumber(bits))
  }
})

test('bfloat16 is the upper half of a float32', async () => {
  const bits = [0x3f80, 0xc000, 0x7f7f, 0x0001, 0x7f80, 0xff80, 0x8000]
  const expected = [
    1,
    -2,
    2 ** 127 * (1 + 127 / 128),
    2 ** -133,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    -0,
  ]
  const found = await floats('BF16', Uint16Array.from(bits))
  found.forEach((value, i) => void assert.ok(Object.is(value, expected[i]), `0x${bits[i].toString(16)} gave ${value}`))
  assert.ok(Number.isNaN(bfloat16ToNumber(0x7fc0)))
})

test('the other dtypes become float32', async () => {
  assert.equal(await floats('F64', Float64Array.of(0.1, -1e300)), [Math.fround(0.1), Number.NEGATIVE_INFINITY])
  assert.equal(await floats('F32', Float32Array.of(0.1, -3e38)), [Math.fround(0.1), Math.fround(-3e38)])
  assert.equal(await floats('I64', BigInt64Array.of(-5n, 2n ** 40n)), [-5, 2 ** 40])
  assert.equal(await floats('I32', Int32Array.of(-7, 123456)), [-7, 123456])
  assert.equal(await floats('I16', Int16Array.of(-300, 300)), [-300, 300])
  assert.equal(await floats('I8', Int8Array.of(-128, 127)), [-128, 127])
  assert.equal(await floats('U8', Uint8Array.of(0, 255)), [0, 255])
  assert.equal(await floats('BOOL', Uint8Array.of(0, 1, 2)), [0, 1, 1])
})

test.run()
