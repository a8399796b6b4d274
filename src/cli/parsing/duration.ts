import { UsageError } from '../../errors.js'

/** Milliseconds of each unit. */
const UNITS: Record<string, number> = { ms: 1, s: 1e3, m: 60e3, h: 3600e3 }
/** Longest time of a timer: some 24 days. */
const MOST_MS = 2 ** 31 - 1
const PART = /(\d+(?:\.\d+)?)(ms|s|m|h)/g

/** A parser of times in milliseconds: 30s, 10m, 1h30m, or seconds without a unit. 0 is allowed. */
export function duration(flag: string): (text: string) => number {
  return (text) => {
    const whole = /^\d+$/.test(text) ? `${text}s` : text
    const ms = /^(\d+(\.\d+)?(ms|s|m|h))+$/.test(whole) ? total(whole) : Number.NaN
    if (ms <= MOST_MS) return ms
    throw new UsageError(`${flag} must be a time like 30s, 10m or 2h, up to 576h, not '${text}'`)
  }
}

function total(text: string): number {
  return [...text.matchAll(PART)].reduce((sum, [, number, unit]) => sum + Number(number) * UNITS[unit], 0)
}
