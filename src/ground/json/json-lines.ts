import { isObject } from './json.js'

/** A string without an end takes the rest, so that the time is linear. */
const TOKEN = /"(?:[^"\\]|\\.)*"?|[[\]{}:,]|[^\s[\]{}:,"]+/g
/** Characters of a token in an error. */
const SHOWN = 20

/**
 * Parses the JSON of a file that a person writes. `lineOf` is the line of a member, from 1 on, that keys lead to; 1 if
 * there is none. Throws a SyntaxError with the line, which the errors of JSON.parse do not always have.
 */
export function parseWithLines(text: string): { value: unknown; lineOf(path: readonly string[]): number } {
  let [line, place, at] = [1, 0, 0]
  const tokens = [...text.matchAll(TOKEN)].map(({ 0: token, index }) => {
    line += text.slice(place, index).split('\n').length - 1
    place = index
    return { token, line }
  })
  const lines = new Map<unknown, Map<string, number>>()
  const isNext = (token: string) => tokens[at]?.token === token && ++at > 0
  const unexpected = ({ token, line: found } = tokens[at] ?? { token: 'end', line }) => {
    return new SyntaxError(`unexpected ${token.slice(0, SHOWN)}, line ${found}`)
  }
  const scalar = () => {
    try {
      const value: unknown = JSON.parse(tokens[at].token)
      at++
      return value
    } catch {
      throw unexpected()
    }
  }
  const listUntil = <T>(end: string, item: () => T): T[] => {
    const items: T[] = []
    if (isNext(end)) return items
    do items.push(item())
    while (isNext(','))
    if (isNext(end)) return items
    throw unexpected()
  }
  const member = () => {
    const first = tokens[at]
    const key = scalar()
    if (typeof key !== 'string') throw unexpected(first)
    if (!isNext(':')) throw unexpected()
    return { key, line: first.line, value: valueHere() }
  }
  const objectHere = () => {
    const members = listUntil('}', member)
    const object = Object.fromEntries(members.map(({ key, value }) => [key, value]))
    lines.set(object, new Map(members.map(({ key, line }) => [key, line])))
    return object
  }
  const valueHere = (): unknown => {
    if (isNext('{')) return objectHere()
    return isNext('[') ? listUntil(']', valueHere) : scalar()
  }
  const value = valueHere()
  if (at < tokens.length) throw unexpected()
  const lineOf = ([key, ...others]: readonly string[], of = value): number => {
    const line = lines.get(of)?.get(key) ?? 1
    return others.length > 0 && isObject(of) ? lineOf(others, of[key]) : line
  }
  return { value, lineOf }
}
