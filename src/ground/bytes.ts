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

/** Bytes of a text in UTF-8. */
export function utf8Length(text: string): number {
  let bytes = text.length
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0x80) continue
    bytes++
    // Of a pair of surrogates, which has four bytes, each counts two.
    if (unit >= 0x800 && (unit < 0xd800 || unit > 0xdfff)) bytes++
  }
  return bytes
}

/** Bytes that become text at once; a multiple of three, so that no piece ends with padding. */
const BASE64_STEP = 3 * 2 ** 13

export function base64Of(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += BASE64_STEP) {
    text += btoa(String.fromCharCode(...bytes.subarray(at, at + BASE64_STEP)))
  }
  return text
}
