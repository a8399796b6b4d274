/** Parts one after the other. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

/** The first place of `part` in bytes, from a place on; -1 if there is none. */
export function placeOf(part: Uint8Array, bytes: Uint8Array, from = 0): number {
  for (let at = from; at + part.length <= bytes.length; at++) {
    let same = 0
    while (same < part.length && bytes[at + same] === part[same]) same++
    if (same === part.length) return at
  }
  return -1
}
