import type { ResponseField } from '../../api/response.js'
import { isObject } from '../../ground/json/json.js'
import { Pattern } from '../patterns/pattern.js'
import { matchesOf } from '../patterns/pattern-search.js'
import { castText } from './cast.js'
import { type Dialect, LiteralReader, shallowJson } from './literal-reader.js'
import { mistralCalls, pythonCalls } from './parse-calls.js'
import { literalOf } from './thinking-form.js'

/** Names of the parsers of a region's content. */
export type ContentParser = NonNullable<ResponseField['content']>

/** Types of an argument by its name, as the schema of the called tool names them. */
export type TypesOf = (key: string) => readonly string[]

/** Value of a region's text. Throws an Error if the text has another form. */
export function parseContent(text: string, name: ContentParser = 'text', args: Args = {}, typesOf?: TypesOf): unknown {
  return PARSERS[name](text, args, typesOf)
}

type Args = Readonly<Record<string, unknown>>

const PARSERS: Record<ContentParser, (text: string, args: Args, typesOf?: TypesOf) => unknown> = {
  text: stripped,
  int: (text, args) => {
    const value = Number(stripped(text, args))
    if (!Number.isSafeInteger(value)) throw new Error('it is no integer')
    return value
  },
  float: (text, args) => {
    const value = Number(stripped(text, args))
    if (Number.isNaN(value)) throw new Error('it is no number')
    return value
  },
  bool: (text, args) => ['true', '1'].includes(stripped(text, args).toLowerCase()),
  json: parseJson,
  'xml-inline': parseTags,
  'kv-lines': parseLines,
  'python-calls': pythonCalls,
  'mistral-calls': mistralCalls,
}

function stripped(text: string, { strip = true }: Args): string {
  return strip ? text.trim() : text
}

/** Notation of the strings and keys of a region of JSON. */
export function dialectOf({ string_delims: delimiters, unquoted_keys: hasBareKeys }: Args): Dialect {
  return { delimiters: (delimiters ?? []) as [string, string][], hasBareKeys: hasBareKeys === true }
}

function parseJson(text: string, args: Args): unknown {
  try {
    if (!args.string_delims && !args.unquoted_keys) return shallowJson(text)
    const reader = new LiteralReader(text, dialectOf(args))
    const value = reader.value()
    if (!reader.isAtEnd) throw new Error('more follows the value')
    return value
  } catch (error) {
    if (args.allow_non_json) return text.trim()
    throw error
  }
}

/** Keys and values of the tags that a pattern matches. A tag that is begun must be complete. */
function parseTags(text: string, args: Args, typesOf?: TypesOf): Record<string, unknown> {
  const matches = matchesOf(Pattern.of(String(args.tag_pattern)), text)
  const between = matches.map(({ start }, i) => text.slice(matches[i - 1]?.end ?? 0, start))
  const rest = [...between, text.slice(matches.at(-1)?.end ?? 0)]
  const opener = literalOf(String(args.tag_pattern))
  if (opener !== undefined && rest.some((part) => part.includes(opener))) throw new Error('a tag is not complete')
  const entries = matches.map(({ groups }) => [groups.key, groups.value ?? ''] as const)
  return fromEntries(entries, args, typesOf)
}

function parseLines(text: string, args: Args, typesOf?: TypesOf): Record<string, unknown> {
  const { line_sep: lineEnd = '\n', kv_sep: separator = ':' } = args as { line_sep?: string; kv_sep?: string }
  const entries = text.split(lineEnd).flatMap((line) => {
    const at = line.indexOf(separator)
    const [key, value] = [line.slice(0, at), line.slice(at + separator.length)]
    return at < 0 ? [] : [[stripped(key, args), stripped(value, args)] as const]
  })
  return fromEntries(entries, args, typesOf)
}

/** An object of texts by key, each as the type in the tool's schema, or else as the template says. */
function fromEntries(
  entries: readonly (readonly [key: string, value: string])[],
  { value_parser: parser, merge_duplicates: merges }: Args,
  typesOf: TypesOf = () => [],
): Record<string, unknown> {
  const values = new Map<string, unknown>()
  for (const [key, text] of entries) {
    const types = typesOf(key)
    const value = types.length > 0 ? castText(text, types) : parsedValue(text, parser)
    const before = values.get(key)
    values.set(key, merges && values.has(key) ? [...(Array.isArray(before) ? before : [before]), value] : value)
  }
  return Object.fromEntries(values)
}

function parsedValue(text: string, parser: unknown): unknown {
  if (!isObject(parser)) return text
  return parseContent(text, parser.name as ContentParser, isObject(parser.args) ? parser.args : {})
}
