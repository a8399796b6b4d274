import type { ToolCall } from '../../api/text.js'
import { plural } from '../../numbers.js'
import { printable, printableLines } from '../../printable.js'

/** Maximum characters of a tool's name, and of the arguments of a call. */
const [MOST_NAME, MOST_ARGUMENTS] = [64, 10_000]
/** Maximum characters of the first line of a result. */
const MOST_LINE = 500

/** A call as a user reads it: `weather(city: "Berlin", days: 3)`. The rest of long arguments is counted. */
export function callInWords({ name, arguments: args }: Pick<ToolCall, 'name' | 'arguments'>): string {
  const entries = Object.entries(args).map(([key, value]) => `${keyInWords(key)}: ${JSON.stringify(value)}`)
  const all = printableLines(entries.join(', ')).replaceAll('\n', ' ')
  const more = all.length - MOST_ARGUMENTS
  const shown = more > 0 ? `${all.slice(0, MOST_ARGUMENTS)} … ${more} more characters` : all
  return `${nameInWords(name)}(${shown})`
}

export function nameInWords(name: string): string {
  return printable(name, MOST_NAME)
}

/** The result of a call in one line: its first words, and its length if there is more. */
export function resultInWords(result: string): string {
  const text = result.trim()
  if (text === '') return 'nothing'
  const lines = text.split('\n')
  const [first] = lines
  const cut = first.length > MOST_LINE ? `${first.slice(0, MOST_LINE)}…` : first
  return lines.length === 1 ? printable(cut, Infinity) : `${plural(lines.length, 'line')}: ${printable(cut, Infinity)}`
}

function keyInWords(key: string): string {
  return /^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(key) ? key : JSON.stringify(key)
}
