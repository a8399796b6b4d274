import type { Environment } from '@huggingface/jinja'
import { pythonCapitalize, pythonContains, pythonEquals, pythonString, pythonStrip } from './python.js'
import { attributeOf, isTrue, isUndefined, itemsOf, toList, toValue, type Value } from './values.js'

/** Arguments of a filter: values in order, values by name, and the tests it may name. */
export interface FilterArguments {
  args: readonly Value[]
  named: ReadonlyMap<string, Value>
  tests: Environment['tests']
}

type Filter = (operand: Value, given: FilterArguments) => Value

/** Filters that the library lacks, lacks for some values, or has differently from jinja2. */
export const FILTERS: Readonly<Record<string, Filter>> = {
  trim: (operand, given) => toValue(pythonStrip(pythonString(operand), argument(given, 0, 'chars') as string)),
  string: (operand) => toValue(pythonString(operand)),
  capitalize: (operand) => toValue(pythonCapitalize(pythonString(operand))),
  title: (operand) => toValue(pythonString(operand).replace(/[^-\s({[<]+/gu, pythonCapitalize)),
  length: (operand) => toValue(itemsOf(operand).length),
  count: (operand) => toValue(itemsOf(operand).length),
  default: defaultTo,
  d: defaultTo,
  join,
  select: (operand, given) => choose(operand, testOf(given.args, given), true),
  reject: (operand, given) => choose(operand, testOf(given.args, given), false),
  selectattr: (operand, given) => choose(operand, testOfAttribute(given), true),
  rejectattr: (operand, given) => choose(operand, testOfAttribute(given), false),
}

/** Filters of the library that take a string as its characters and undefined as an empty list. */
export const LIST_FILTERS: ReadonlySet<string> = new Set(['list', 'first', 'last', 'reverse', 'unique', 'sort', 'map'])

function argument({ args, named }: FilterArguments, at: number, name: string): unknown {
  return (args[at] ?? named.get(name))?.value
}

function defaultTo(operand: Value, given: FilterArguments): Value {
  const isMissing = isUndefined(operand) || (argument(given, 1, 'boolean') === true && !isTrue(operand))
  return isMissing ? (given.args[0] ?? given.named.get('default_value') ?? toValue('')) : operand
}

function join(operand: Value, given: FilterArguments): Value {
  const attribute = argument(given, 1, 'attribute')
  const items = itemsOf(operand).map((item) => (typeof attribute === 'string' ? attributeOf(item, attribute) : item))
  return toValue(items.map(pythonString).join(String(argument(given, 0, 'd') ?? '')))
}

type Test = (...values: Value[]) => boolean

function choose(operand: Value, test: Test, wanted: boolean): Value {
  return toList(itemsOf(operand).filter((item) => test(item) === wanted))
}

/** Tests that compare two values. */
const COMPARISONS = new Map<string, Test>([
  ['in', (item, container) => pythonContains(container, item) === true],
  ...['==', 'eq', 'equalto'].map((name): [string, Test] => [name, pythonEquals]),
  ...['!=', 'ne'].map((name): [string, Test] => [name, (a, b) => !pythonEquals(a, b)]),
])

/** The test named by the first argument, applied with the others; without a name, whether a value counts as true. */
function testOf([name, ...others]: readonly Value[], { tests }: FilterArguments): Test {
  if (name === undefined) return isTrue
  const known = tests as unknown as ReadonlyMap<string, Test>
  const test = COMPARISONS.get(String(name.value)) ?? known.get(String(name.value))
  if (!test) throw new Error(`there is no test ${name.value}`)
  return (value) => test(value, ...others)
}

function testOfAttribute(given: FilterArguments): Test {
  const [attribute, ...rest] = given.args
  const test = testOf(rest, given)
  return (item) => test(attributeOf(item, String(attribute?.value)))
}
