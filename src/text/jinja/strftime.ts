const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']
const MONTHS = [
  ...['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November'],
  'December',
]

const two = (value: number, filler = '0') => String(value).padStart(2, filler)

/** Formats of strftime by letter, as in C and Python. */
const PARTS: Record<string, (time: Date) => string> = {
  a: (time) => DAYS[time.getDay()].slice(0, 3),
  A: (time) => DAYS[time.getDay()],
  b: (time) => MONTHS[time.getMonth()].slice(0, 3),
  B: (time) => MONTHS[time.getMonth()],
  d: (time) => two(time.getDate()),
  e: (time) => two(time.getDate(), ' '),
  F: (time) => strftime(time, '%Y-%m-%d'),
  H: (time) => two(time.getHours()),
  I: (time) => two(time.getHours() % 12 || 12),
  j: (time) => String(dayOfYear(time)).padStart(3, '0'),
  m: (time) => two(time.getMonth() + 1),
  M: (time) => two(time.getMinutes()),
  p: (time) => (time.getHours() < 12 ? 'AM' : 'PM'),
  S: (time) => two(time.getSeconds()),
  T: (time) => strftime(time, '%H:%M:%S'),
  u: (time) => String(time.getDay() || 7),
  w: (time) => String(time.getDay()),
  y: (time) => two(time.getFullYear() % 100),
  Y: (time) => String(time.getFullYear()),
  '%': () => '%',
}

/** Formats a local time in English: `%d %B %Y`. A minus after the % removes the leading 0 or blank. */
export function strftime(time: Date, format: string): string {
  return format.replace(/%(-?)(.)/g, (whole, minus: string, letter: string) => {
    const part = Object.hasOwn(PARTS, letter) ? PARTS[letter](time) : whole
    return minus === '' ? part : part.replace(/^[0 ]+(?=.)/, '')
  })
}

function dayOfYear(time: Date): number {
  const start = Date.UTC(time.getFullYear(), 0, 0)
  return Math.round((Date.UTC(time.getFullYear(), time.getMonth(), time.getDate()) - start) / 86_400_000)
}
