import { Environment } from '@huggingface/jinja'

/** A value of the template library, as far as it is looked at here. */
export interface Value {
  type: string
  value: unknown
}

/** The library's value for one of JavaScript's. Its classes cannot be had otherwise. */
export function toValue(input: unknown): Value {
  const environment = new Environment()
  environment.set('x', input)
  return environment.lookupVariable('x') as Value
}

export function toList(items: readonly Value[]): Value {
  return Object.assign(toValue([]), { value: items })
}

export function isUndefined({ type }: Value): boolean {
  return type === 'UndefinedValue'
}

/** As `if` takes it. */
export function isTrue({ value }: Value): boolean {
  if (Array.isArray(value)) return value.length > 0
  return value instanceof Map ? value.size > 0 : Boolean(value)
}

/** What a loop goes over: the characters of a string, the keys of a dictionary, nothing of what is undefined. */
export function itemsOf(operand: Value): Value[] {
  const { value } = operand
  if (Array.isArray(value)) return value
  if (typeof value === 'string') return [...value].map(toValue)
  if (value instanceof Map) return [...value.keys()].map(toValue)
  if (isUndefined(operand)) return []
  throw new Error('a list was expected')
}

/** An attribute, or one of an attribute with a dot between. */
export function attributeOf(item: Value, path: string): Value {
  const member = ({ value }: Value, name: string): Value =>
    (value instanceof Map ? value.get(name) : undefined) ?? toValue(undefined)
  return path.split('.').reduce(member, item)
}
