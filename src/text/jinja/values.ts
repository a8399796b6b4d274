import { Environment } from '@huggingface/jinja'

/** A value of the template library, with the members used here. */
export interface Value {
  type: string
  value: unknown
  /** Methods of lists, strings and dictionaries. */
  builtins?: ReadonlyMap<string, Value>
}

/** Converts a JavaScript value to the library's, whose classes are not exported. */
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

/** Whether `if` takes the value as true. */
export function isTrue({ value }: Value): boolean {
  if (Array.isArray(value)) return value.length > 0
  return value instanceof Map ? value.size > 0 : Boolean(value)
}

/** Items of a loop: the characters of a string, the keys of a dictionary, none of an undefined value. */
export function itemsOf(operand: Value): Value[] {
  const { value } = operand
  if (Array.isArray(value)) return value
  if (typeof value === 'string') return [...value].map(toValue)
  if (value instanceof Map) return [...value.keys()].map(toValue)
  if (isUndefined(operand)) return []
  throw new Error('a list was expected')
}

/** An attribute of an item; dots in the path reach attributes of attributes. */
export function attributeOf(item: Value, path: string): Value {
  const member = ({ value }: Value, name: string): Value =>
    (value instanceof Map ? value.get(name) : undefined) ?? toValue(undefined)
  return path.split('.').reduce(member, item)
}
