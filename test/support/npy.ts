/** An array as NumPy's `np.save` writes it. */
export function npyOf(
  shape: readonly number[],
  values: readonly number[],
  type: '|u1' | '<i2' | '<i4' | '<i8' = '<i4',
  fortran = false,
): Buffer {
  const shown = `(${shape.join(', ')})`
  const dictionary = `{'descr': '${type}', 'fortran_order': ${fortran ? 'True' : 'False'}, 'shape': ${shown}, }`
  const length = Math.ceil((10 + dictionary.length + 1) / 64) * 64 - 10
  const header = Buffer.from(`${dictionary.padEnd(length - 1)}\n`, 'latin1')
  const start = Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, length & 255, length >> 8])
  const data =
    type === '<i8'
      ? BigInt64Array.from(values, BigInt)
      : { '|u1': Uint8Array, '<i2': Int16Array, '<i4': Int32Array }[type].from(values)
  return Buffer.concat([start, header, Buffer.from(data.buffer, data.byteOffset, data.byteLength)])
}
