import { Environment, Template } from '@huggingface/jinja'
import { JinjaInterpreter } from './interpreter.js'

/** Most characters of a plain template, which is quick for any conversation. */
const LONGEST_PLAIN = 2048

/** Parts of a plain template, as the parser names them. */
const PLAIN = new Set([
  ...['Program', 'If', 'For', 'StringLiteral', 'IntegerLiteral', 'Identifier', 'MemberExpression'],
  ...['BinaryExpression', 'UnaryExpression', 'TestExpression', 'FilterExpression', 'Ternary', 'Comment'],
])
const PLAIN_OPERATORS = new Set(['+', '~', '==', '!=', 'and', 'or', 'not', 'in', 'not in'])

/** Variables of every chat template besides the conversation. */
const GLOBALS = {
  ...{ true: true, True: true, false: false, False: false, none: null, None: null, tools: null, documents: null },
  range,
  raise_exception(message: unknown): never {
    throw new Error(String(message))
  },
}

function range(...bounds: number[]): number[] {
  const [start, stop, step = 1] = bounds.length === 1 ? [0, bounds[0]] : bounds
  if (step === 0) throw new Error('the step of a range must not be 0')
  return Array.from({ length: Math.max(0, Math.ceil((stop - start) / step)) }, (_, i) => start + i * step)
}

export class JinjaProgram {
  private readonly template: Template

  constructor(source: string) {
    this.template = new Template(source)
  }

  /** Throws the template's errors. `now` is the time it sees. */
  render(variables: Record<string, unknown>, now = new Date()): string {
    const environment = new Environment()
    const all = { ...GLOBALS, strftime_now: (format: string) => strftime(now, format), ...variables }
    for (const [name, value] of Object.entries(all)) environment.set(name, value)
    return new JinjaInterpreter(environment).evaluate(this.template.parsed as never, environment).value as string
  }

  /** Whether it only loops once over the messages and writes them: no variables, macros or calls, only trim. */
  get isPlain(): boolean {
    return isPlain(this.template.parsed, false)
  }
}

/** The program of a short and plain template; undefined for others, which might take long. */
export function plainProgram(source: string): JinjaProgram | undefined {
  if (source.length > LONGEST_PLAIN) return undefined
  const program = new JinjaProgram(source)
  return program.isPlain ? program : undefined
}

function isPlain(node: unknown, isInLoop: boolean): boolean {
  if (Array.isArray(node)) return node.every((part) => isPlain(part, isInLoop))
  if (typeof node !== 'object' || node === null) return true
  const { type, operator, ...parts } = node as Record<string, unknown>
  if (!PLAIN.has(type as string)) return false
  if (operator !== undefined && !PLAIN_OPERATORS.has(Object(operator).value)) return false
  const isLoop = type === 'For'
  if (isLoop && (isInLoop || !isIdentifier(parts.iterable, 'messages'))) return false
  if (type === 'FilterExpression' && !isIdentifier(parts.filter, 'trim')) return false
  return Object.values(parts).every((part) => isPlain(part, isInLoop || isLoop))
}

function isIdentifier(node: unknown, name: string): boolean {
  const { type, value } = Object(node)
  return type === 'Identifier' && value === name
}

/** A part of a time in words. */
const inWords = (time: Date, part: Intl.DateTimeFormatOptions) => time.toLocaleString('en-US', part)
const two = (value: number, filler = '0') => String(value).padStart(2, filler)

/** Formats of strftime by letter, as in C and Python. */
const PARTS: Record<string, (time: Date) => string> = {
  a: (time) => inWords(time, { weekday: 'short' }),
  A: (time) => inWords(time, { weekday: 'long' }),
  b: (time) => inWords(time, { month: 'short' }),
  B: (time) => inWords(time, { month: 'long' }),
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
function strftime(time: Date, format: string): string {
  return format.replace(/%(-?)(.)/g, (whole, minus: string, letter: string) => {
    const part = Object.hasOwn(PARTS, letter) ? PARTS[letter](time) : whole
    return minus === '' ? part : part.replace(/^[0 ]+(?=.)/, '')
  })
}

function dayOfYear(time: Date): number {
  const start = Date.UTC(time.getFullYear(), 0, 0)
  return Math.round((Date.UTC(time.getFullYear(), time.getMonth(), time.getDate()) - start) / 86_400_000)
}
