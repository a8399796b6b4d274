/** UTF-8 of the code points `from` to `to`, as sequences of ranges of bytes. Surrogates must not be among them. */
export function utf8Ranges(from: number, to: number): [number, number][][] {
  for (const last of [0x7f, 0x7ff, 0xffff]) {
    if (from <= last && to > last) return [...utf8Ranges(from, last), ...utf8Ranges(last + 1, to)]
  }
  if (to <= 0x7f) return [[[from, to]]]
  // Divide until each byte has a range of its own, whatever the others are.
  for (const bits of [6, 12, 18]) {
    const low = 2 ** bits - 1
    if ((from & ~low) === (to & ~low)) continue
    if ((from & low) !== 0) return [...utf8Ranges(from, from | low), ...utf8Ranges((from | low) + 1, to)]
    if ((to & low) !== low) return [...utf8Ranges(from, (to & ~low) - 1), ...utf8Ranges(to & ~low, to)]
  }
  const [first, last] = [from, to].map((code) => new TextEncoder().encode(String.fromCodePoint(code)))
  return [[...first].map((byte, i) => [byte, last[i]])]
}
