import { isNumber, pythonCompare, pythonContains, pythonEquals, pythonString } from './python.js'
import type { Value } from './values.js'

/** jinja2's result of an operator if the library's differs; undefined if the library's is right. */
export function operate(operator: string, left: Value, right: Value): unknown {
  switch (operator) {
    case '==':
      return pythonEquals(left, right)
    case '!=':
      return !pythonEquals(left, right)
    case '~':
      return pythonString(left) + pythonString(right)
    case 'in':
      return pythonContains(right, left)
    case 'not in':
      return negated(pythonContains(right, left))
    case '<':
    case '>':
    case '<=':
    case '>=':
      return ordered(operator, pythonCompare(left, right))
    case '+':
      return add(left.value, right.value)
    case '*':
      return repeat(left.value, right.value) ?? repeat(right.value, left.value)
    case '%':
      return modulo(left.value, right.value)
  }
  return undefined
}

function negated(value: boolean | undefined): boolean | undefined {
  return value === undefined ? undefined : !value
}

function ordered(operator: string, order: number | undefined): boolean | undefined {
  if (order === undefined) return undefined
  if (operator === '<') return order < 0
  if (operator === '>') return order > 0
  return operator === '<=' ? order <= 0 : order >= 0
}

function add(left: unknown, right: unknown): undefined {
  if ((typeof left === 'string') !== (typeof right === 'string')) throw new Error('only a text can be added to a text')
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
