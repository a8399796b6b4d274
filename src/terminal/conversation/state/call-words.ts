import type { ToolCall } from '../../../api/text.js'
import { plural } from '../../../ground/numbers.js'
import { printable, printableJson } from '../../../ground/printable.js'

/** Maximum characters of a tool's name, and of the arguments of a call. */
const [MOST_NAME, MOST_ARGUMENTS] = [64, 10_000]
/** Characters shown of each argument, however many there are. */
const LEAST_ARGUMENT = 100
/** Maximum characters of the first line of a result. */
const MOST_LINE = 500

/** A call in words: `weather(city: "Berlin")`. Long arguments are cut, but none is left out: the user must agree. */
export function callInWords({ name, arguments: args }: Pick<ToolCall, 'name' | 'arguments'>): string {
  const entries = Object.entries(args).map(([key, value]) => `${keyInWords(key)}: ${printableJson(value)}`)
  const all = entries.join(', ')
  const share = Math.max(LEAST_ARGUMENT, Math.floor(MOST_ARGUMENTS / entries.length))
  const isLong = all.length > MOST_ARGUMENTS
  return `${nameInWords(name)}(${isLong ? entries.map((entry) => cut(entry, share)).join(', ') : all})`
}

function cut(text: string, most: number): string {
  const more = text.length - most
  return more > 0 ? `${text.slice(0, most)} … ${plural(more, 'more character')}` : text
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
  const json = printableJson(key)
  return /^"[\p{L}_$][\p{L}\p{N}_$]*"$/u.test(json) ? key : json
}
