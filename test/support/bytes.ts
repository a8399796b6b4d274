/** Concatenates byte arrays and texts; texts are encoded in UTF-8. */
export function joinBytes(...parts: (Uint8Array | number[] | string)[]): Uint8Array {
  return joinAll(parts)
}

/** Joins any number of them. */
export function joinAll(parts: readonly (Uint8Array | number[] | string)[]): Uint8Array {
  const runs = parts.map((part) => (typeof part === 'string' ? new TextEncoder().encode(part) : part))
  const joined = new Uint8Array(runs.reduce((length, run) => length + run.length, 0))
  let at = 0
  for (const run of runs) {
    joined.set(run, at)
    at += run.length
  }
  return joined
}

/** An unsigned integer in `length` bytes, little-endian. */
export function littleEndian(value: number | bigint, length: number): number[] {
  return Array.from({ length }, (_, i) => Number((BigInt(value) >> BigInt(8 * i)) & 0xffn))
}

/** Copy of bytes, replaced from `at` on. */
export function patched(bytes: Uint8Array, at: number, replacement: Uint8Array | number[] | string): Uint8Array {
  const copy = bytes.slice()
  copy.set(joinBytes(replacement), at)
  return copy
}

/** Byte index of the first occurrence of a text. */
export function indexOfText(bytes: Uint8Array, text: string): number {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).indexOf(text)
}
