// Writes a picture with few colours as a PNG with a palette (RFC 2083), about a third of the bytes of one without.
import { crc32, deflateSync } from 'node:zlib'

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
/** Bits of a channel that are kept: the edges of letters need no more. */
const BITS = 5

/** Encodes opaque pixels, four bytes each. Of all colours, the 256 most frequent are kept; others become the nearest. */
export function palettePng(pixels, width, height) {
  const counts = new Map()
  const keys = new Uint32Array(width * height)
  for (const i of keys.keys()) {
    const [red, green, blue] = [0, 1, 2].map((channel) => rounded(pixels[4 * i + channel]))
    keys[i] = (red << 16) | (green << 8) | blue
    counts.set(keys[i], (counts.get(keys[i]) ?? 0) + 1)
  }
  const palette = [...counts.keys()].sort((a, b) => counts.get(b) - counts.get(a)).slice(0, 256)
  const index = new Map([...counts.keys()].map((key) => [key, nearest(key, palette)]))
  const rows = Buffer.alloc(height * (width + 1))
  for (const [i, key] of keys.entries()) rows[i + Math.floor(i / width) + 1] = index.get(key)
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([8, 3, 0, 0, 0], 8)
  const colours = Buffer.from(palette.flatMap((key) => [key >> 16, (key >> 8) & 255, key & 255]))
  const data = deflateSync(rows, { level: 9 })
  return Buffer.concat([SIGNATURE, chunk('IHDR', header), chunk('PLTE', colours), chunk('IDAT', data), chunk('IEND')])
}

function rounded(value) {
  const step = 255 / (2 ** BITS - 1)
  return Math.round(Math.round(value / step) * step)
}

function nearest(key, palette) {
  const exact = palette.indexOf(key)
  if (exact >= 0) return exact
  const distance = (other) => {
    return [16, 8, 0].reduce((sum, shift) => sum + (((key >> shift) & 255) - ((other >> shift) & 255)) ** 2, 0)
  }
  return palette.reduce((best, other, i) => (distance(other) < distance(palette[best]) ? i : best), 0)
}

function chunk(name, data = Buffer.alloc(0)) {
  const body = Buffer.concat([Buffer.from(name, 'latin1'), data])
  const [length, check] = [data.length, crc32(body)].map((number) => {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32BE(number)
    return bytes
  })
  return Buffer.concat([length, body, check])
}
