import type { Value } from './values.js'

/** Python's str() of a value, which templates print. */
export function pythonString(value: Value): string {
  if (value.type === 'StringValue') return value.value as string
  return value.type === 'UndefinedValue' ? '' : pythonRepr(value)
}

/** Python's repr() of a value, used inside lists and dictionaries. */
export function pythonRepr({ type, value }: Value): string {
  if (typeof value === 'string') return quoted(value)
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  if (typeof value === 'number') return type === 'FloatValue' && Number.isInteger(value) ? `${value}.0` : String(value)
  if (Array.isArray(value)) {
    const items = value.map(pythonRepr).join(', ')
    if (type === 'TupleValue') return value.length === 1 ? `(${items},)` : `(${items})`
    return `[${items}]`
  }
  if (value instanceof Map)
    return `{${[...value].map(([key, item]) => `${quoted(key)}: ${pythonRepr(item)}`).join(', ')}}`
  return 'None'
}

const ESCAPES: Record<string, string> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' }

function quoted(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'"
  const escaped = text.replace(/[\\\p{Zl}\p{Zp}]|(?!\ufdd0)\p{C}|(?! )\p{Zs}|['"]/gu, (character) => {
    if (character === "'" || character === '"') return character === quote ? `\\${character}` : character
    return ESCAPES[character] ?? numbered(character.codePointAt(0) ?? 0)
  })
  return quote + escaped + quote
}

function numbered(code: number): string {
  const [letter, digits] = code < 0x100 ? ['x', 2] : code < 0x10000 ? ['u', 4] : ['U', 8]
  return `\\${letter}${code.toString(16).padStart(digits, '0')}`
}

/** Python's ==: numbers and booleans by their number, lists and dictionaries by their contents. */
export function pythonEquals(a: Value, b: Value): boolean {
  if (isNothing(a) || isNothing(b)) return a.type === b.type
  const [x, y] = [a.value, b.value]
  if (Array.isArray(x))
    return Array.isArray(y) && x.length === y.length && x.every((item, i) => pythonEquals(item, y[i]))
  if (x instanceof Map) {
    if (!(y instanceof Map) || x.size !== y.size) return false
    return [...x].every(([key, item]) => y.has(key) && pythonEquals(item, y.get(key)))
  }
  const [left, right] = [x, y].map((value) => (typeof value === 'boolean' ? Number(value) : value))
  return left === right
}

function isNothing({ type }: Value): boolean {
  return type === 'NullValue' || type === 'UndefinedValue'
}

/** Python's `in`; undefined if it would raise. */
export function pythonContains({ value: container, type }: Value, item: Value): boolean | undefined {
  if (Array.isArray(container)) return container.some((member) => pythonEquals(member, item))
  if (container instanceof Map) return typeof item.value === 'string' && container.has(item.value)
  if (typeof container === 'string' && typeof item.value === 'string') return container.includes(item.value)
  return type === 'UndefinedValue' ? false : undefined
}

/** Python's < as the number of a sorting comparison; undefined if it would raise. */
function pythonCompare(a: Value, b: Value): number | undefined {
  const [x, y] = [a.value, b.value]
  if (typeof x === 'string' && typeof y === 'string') return compareByCodes(x, y)
  return isNumber(x) && isNumber(y) ? Number(x) - Number(y) : undefined
}

function isNumber(value: unknown): value is number | boolean {
  return typeof value === 'number' || typeof value === 'boolean'
}

/** Compares by code points; UTF-16 units have another order. */
function compareByCodes(a: string, b: string): number {
  const [left, right] = [[...a], [...b]]
  const at = left.findIndex((character, i) => character !== right[i])
  if (at < 0) return left.length - right.length
  return (left[at].codePointAt(0) ?? 0) - (right[at]?.codePointAt(0) ?? -1)
}

/** Python's white space, which differs from JavaScript's. */
const BLANK = /\p{White_Space}/u
const SEPARATORS = '\x1c\x1d\x1e\x1f'

/** Python's strip, lstrip and rstrip. Looks only at the ends, since texts are long. */
export function pythonStrip(text: string, chars?: string, sides = { left: true, right: true }): string {
  const given = typeof chars === 'string' ? new Set(chars) : undefined
  const goes = (character: string) =>
    given ? given.has(character) : BLANK.test(character) || SEPARATORS.includes(character)
  let [from, to] = [0, text.length]
  while (sides.left && from < to) {
    const [first] = text.slice(from, from + 2)
    if (!goes(first)) break
    from += first.length
  }
  while (sides.right && from < to) {
    const last = [...text.slice(Math.max(from, to - 2), to)].at(-1) ?? ''
    if (!goes(last)) break
    to -= last.length
  }
  return text.slice(from, to)
}

/** Python's capitalize: the first letter in upper case, the others in lower case. */
export function pythonCapitalize(text: string): string {
  const [first = '', ...rest] = text
  return first.toUpperCase() + rest.join('').toLowerCase()
}

/** Python's title: the first letter of each run of letters in upper case. */
export function pythonTitle(text: string): string {
  return text.replace(/\p{Cased}+/gu, pythonCapitalize)
}

const ORDERS: Readonly<Record<string, (order: number) => boolean>> = {
  '<': (order) => order < 0,
  '>': (order) => order > 0,
  '<=': (order) => order <= 0,
  '>=': (order) => order >= 0,
}

/** Python's result of an operator if the library's differs; undefined if the library's is right. */
export function pythonOperate(operator: string, left: Value, right: Value): unknown {
  switch (operator) {
    case '==':
      return pythonEquals(left, right)
    case '!=':
      return !pythonEquals(left, right)
    case '~':
      return pythonString(left) + pythonString(right)
    case 'in':
      return pythonContains(right, left)
    case 'not in': {
      const contains = pythonContains(right, left)
      return contains === undefined ? undefined : !contains
    }
    case '+':
      if ((typeof left.value === 'string') !== (typeof right.value === 'string'))
        throw new Error('only a text can be added to a text')
      return undefined
    case '*':
      return repeat(left.value, right.value) ?? repeat(right.value, left.value)
    case '%':
      return modulo(left.value, right.value)
  }
  const order = Object.hasOwn(ORDERS, operator) ? pythonCompare(left, right) : undefined
  return order === undefined ? undefined : ORDERS[operator](order)
}

function repeat(text: unknown, count: unknown): string | undefined {
  return typeof text === 'string' && typeof count === 'number' ? text.repeat(Math.max(0, count)) : undefined
}

/** Python's modulo, with the sign of the divisor. */
function modulo(left: unknown, right: unknown): number | undefined {
  if (!isNumber(left) || !isNumber(right) || !Number.isInteger(left) || !Number.isInteger(right)) return undefined
  const [a, b] = [Number(left), Number(right)]
  if (b === 0) throw new Error('division by zero')
  return ((a % b) + b) % b
}
