/** Bytes as people read them: 19.4 MB. Units are powers of 1000. */
export function formatBytes(bytes: number): string {
  return scaled(bytes, ['B', 'kB', 'MB', 'GB', 'TB'])
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
