/** Formats bytes for a reader: `19.4 MB`. Units are powers of 1000. */
export function formatBytes(bytes: number): string {
  return scaled(bytes, ['B', 'kB', 'MB', 'GB', 'TB'])
}

/** Units of sizes in options, the largest first. */
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
 * Formats bytes for an option such as --memory: `350MiB` or `800MB` if they are a short whole number of a unit, else
 * three digits, rounded up so that the size still suffices: `2.42MB`.
 */
export function formatSize(bytes: number): string {
  const isShort = (unit: number) => unit >= 1e6 || bytes < 1000 * unit
  for (const [name, unit] of SIZE_UNITS) {
    if (bytes >= unit && bytes % unit === 0 && isShort(unit)) return `${bytes / unit}${name}`
  }
  const [name, unit] = SIZE_UNITS.find(([name, unit]) => !name.includes('i') && bytes >= unit) ?? ['B', 1]
  const value = bytes / unit
  const scale = value < 10 ? 100 : value < 100 ? 10 : 1
  return unit === 1 ? `${bytes}B` : `${Math.ceil(value * scale) / scale}${name}`
}

const COUNT_UNITS = ['', 'k', 'M', 'B', 'T']

/** Formats a count for a reader: `9.70 M`. */
export function formatCount(count: number): string {
  return scaled(count, COUNT_UNITS)
}

/** Formats a count to two digits, for one that changes as it is watched: `9.7 M`. */
export function formatRoughly(count: number): string {
  return scaled(count, COUNT_UNITS, 2)
}

function scaled(value: number, units: readonly string[], digits = 3): string {
  let unit = 0
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000
    unit++
  }
  let decimals = unit === 0 ? 0 : digits - 1
  while (decimals > 0 && Number(value.toFixed(decimals)) >= 10 ** (digits - decimals)) decimals--
  return `${value.toFixed(decimals)} ${units[unit]}`.trimEnd()
}

/** Formats seconds for a reader: `45 s`, `12 min`, `3 h 20 min`. */
export function formatDuration(seconds: number): string {
  const whole = Math.ceil(seconds)
  if (whole < 90) return `${whole} s`
  const minutes = Math.round(seconds / 60)
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

/** Formats the time since a start: tenths below a second, else whole seconds that are over. */
export function formatElapsed(seconds: number): string {
  return seconds < 1 ? `${Math.max(0.1, seconds).toFixed(1)} s` : formatDuration(Math.floor(seconds))
}

/** Formats a share as a percentage of three digits: `1.5 %`. */
export function formatPercent(share: number): string {
  return `${Number((100 * share).toPrecision(3))} %`
}

/** Rounds to six digits, for files: what is measured is not more exact. */
export function sixDigits(value: number): number {
  return Number(value.toPrecision(6))
}

/** Formats a count with its noun: `1 head`, `2 heads`. */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

/** Parses a decimal number. Returns NaN for any other text, the empty one and other notations included. */
export function decimal(text: string): number {
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : NaN
}
