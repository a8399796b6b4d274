/** Bytes as people read them: 19.4 MB. Units are powers of 1000. */
export function formatBytes(bytes: number): string {
  return scaled(bytes, ['B', 'kB', 'MB', 'GB', 'TB'])
}

/** Units of sizes as options take them, the largest first. */
const SIZE_UNITS: readonly (readonly [name: string, bytes: number])[] = [
  ['TiB', 2 ** 40],
  ['TB', 1e12],
  ['GiB', 2 ** 30],
  ['GB', 1e9],
  ['MiB', 2 ** 20],
  ['MB', 1e6],
  ['KiB', 2 ** 10],
  ['kB', 1e3],
]

/**
 * Bytes as an option such as --memory takes them: 350MiB or 800MB where they are a whole number of some unit, else three
 * digits, rounded up, so that what is enough stays enough: 2.42MB.
 */
export function formatSize(bytes: number): string {
  for (const [name, unit] of SIZE_UNITS) if (bytes >= unit && bytes % unit === 0) return `${bytes / unit}${name}`
  const [name, unit] = SIZE_UNITS.find(([name, unit]) => !name.includes('i') && bytes >= unit) ?? ['B', 1]
  const value = bytes / unit
  const scale = value < 10 ? 100 : value < 100 ? 10 : 1
  return unit === 1 ? `${bytes}B` : `${Math.ceil(value * scale) / scale}${name}`
}

/** A count as people read it: 9.70 M. */
export function formatCount(count: number): string {
  return scaled(count, ['', 'k', 'M', 'B', 'T'])
}

/** Three digits say enough. */
function scaled(value: number, units: string[]): string {
  let unit = 0
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000
    unit++
  }
  const digits = unit === 0 ? 0 : value < 9.995 ? 2 : value < 99.95 ? 1 : 0
  return `${value.toFixed(digits)} ${units[unit]}`.trimEnd()
}

/** A count with its noun: `1 head`, `2 heads`. */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

/** A number written in decimals; NaN for all else, the empty text and other notations among it. */
export function decimal(text: string): number {
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : NaN
}
