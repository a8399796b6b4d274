import type { ResponseField, ResponseTemplate } from '../../api/response.js'
import { UserError } from '../../ground/errors.js'
import { type Form, isFlag, isText, isWord, listOf, oneOf } from '../../ground/json/forms.js'
import { isObject } from '../../ground/json/json.js'
import { printable } from '../../ground/printable.js'
import { Pattern } from '../patterns/pattern.js'
import { mixedTextsOf } from './transform.js'

/** Checks the value at a place, and throws an Error that says what is wrong with it. */
type Check = (value: unknown, at: string) => void

/** Most fields of a template, and most texts of an opener. */
const MOST_ENTRIES = 64
/** Most characters of all texts of an opener. */
const MOST_TEXT = 512

function has(form: Form<unknown>, mustBe: string): Check {
  return (value) => {
    if (!form(value)) throw new Error(`must be ${mustBe}`)
  }
}

const PARSERS = ['text', 'int', 'float', 'bool', 'json', 'xml-inline', 'kv-lines']
const pair = listOf(isWord, { least: 2, most: 2 })

const text = has(isText, 'a text')
const flag = has(isFlag, 'true or false')
const object = has(isObject, 'an object')
const version = has(oneOf([1]), '1')
const parser = has(oneOf(PARSERS), `one of ${PARSERS.join(', ')}`)
const separator = has(isWord, 'a text that is not empty')
const pairs = has(listOf(pair, { most: MOST_ENTRIES }), 'a list of pairs of texts')
const texts: Check = (value) => {
  const all = [value].flat()
  if (!listOf(isWord, { least: 1, most: MOST_ENTRIES })(all)) {
    throw new Error(`must be a text or up to ${MOST_ENTRIES} texts, none of them empty`)
  }
  if (all.length > 1 && all.includes('eos')) throw new Error('cannot have "eos" and other texts')
  if (all.join('').length > MOST_TEXT) throw new Error(`has more than ${MOST_TEXT} characters`)
}
const pattern: Check = (value, at) => {
  text(value, at)
  try {
    Pattern.of(value as string)
  } catch (error) {
    throw new Error(`is no pattern that molm reads: ${(error as Error).message}`)
  }
}
const transformed: Check = (value) => {
  if (!isObject(value) && !Array.isArray(value)) throw new Error('must be an object or a list')
  const [mixed] = mixedTextsOf(value)
  if (mixed !== undefined) throw new Error(`mixes a placeholder with text in "${mixed}"`)
}

/** Checks by the keys of the file. */
type Keys = Record<string, Check>

const TEMPLATE: Keys = {
  version,
  defaults: object,
  fields: object,
  start_anchor: texts,
  start_anchor_pattern: pattern,
}
const FIELD: Keys = {
  ...{
    open: texts,
    open_pattern: pattern,
    close: texts,
    close_pattern: pattern,
    content: parser,
    content_args: object,
  },
  ...{ repeats: flag, join: text, optional: flag, transform: transformed, transform_each: flag },
}
const ARGS: Record<string, Keys> = {
  json: { unquoted_keys: flag, string_delims: pairs, allow_non_json: flag },
  'xml-inline': { tag_pattern: tagPattern, value_parser: valueParser, merge_duplicates: flag },
  'kv-lines': { line_sep: separator, kv_sep: separator, strip: flag, value_parser: valueParser },
}

/**
 * Reads `response_template` of tokenizer_config.json. Throws a UserError that names the file and the key if it is wrong:
 * the format is strict, so that a template is either read as its author meant it or not at all.
 */
export function readResponseTemplate(value: unknown, file: string): ResponseTemplate {
  const at = `${file}: response_template`
  if (!isObject(value)) throw new UserError(`${at} must be an object`)
  const { version: _, ...template } = read(value, TEMPLATE, at)
  const fields = Object.entries(isObject(value.fields) ? value.fields : {})
  if (fields.length === 0 || fields.length > MOST_ENTRIES) {
    throw new UserError(`${at}.fields must have 1 to ${MOST_ENTRIES} fields`)
  }
  either(value, 'start_anchor', 'start_anchor_pattern', at)
  if (!('start_anchor' in value) && !('start_anchor_pattern' in value)) {
    throw new UserError(`${at}.start_anchor is missing`)
  }
  const checked = fields.map(([name, field]) => [name, readField(field, `${at}.fields.${printable(name)}`)] as const)
  const implicit = checked.filter(([, { open, openPattern }]) => open === undefined && openPattern === undefined)
  if (implicit.length > 1) throw new UserError(`${at}.fields: only one field may have no opener`)
  return { ...template, fields: Object.fromEntries(checked) }
}

function readField(value: unknown, at: string): ResponseField {
  if (!isObject(value)) throw new UserError(`${at} must be an object`)
  const field = read(value, FIELD, at) as ResponseField
  either(value, 'open', 'open_pattern', at)
  either(value, 'close', 'close_pattern', at)
  if (field.join !== undefined && !field.repeats) throw new UserError(`${at}.join needs repeats`)
  if (field.transformEach && field.transform === undefined)
    throw new UserError(`${at}.transform_each needs a transform`)
  const names = [field.openPattern, field.closePattern].flatMap((source) => (source ? Pattern.of(source).names : []))
  if (names.length > 0 && field.transform === undefined) {
    throw new UserError(`${at}: the group "${names[0]}" of a pattern needs a transform`)
  }
  const args = field.contentArgs ?? {}
  read(args, argsOf(field.content ?? 'text'), `${at}.content_args`)
  if (field.content === 'xml-inline' && !('tag_pattern' in args)) {
    throw new UserError(`${at}.content_args.tag_pattern is missing`)
  }
  return field
}

function argsOf(parser: string): Keys {
  return ARGS[parser] ?? { strip: flag }
}

/** The values of an object by their names here. */
function read(value: Record<string, unknown>, keys: Keys, at: string): Record<string, unknown> {
  const entries = Object.entries(value).map(([key, item]) => {
    if (!Object.hasOwn(keys, key)) throw new UserError(`${at}: unknown key "${printable(key)}"`)
    try {
      keys[key](item, `${at}.${key}`)
    } catch (error) {
      if (error instanceof UserError) throw error
      throw new UserError(`${at}.${key} ${printable((error as Error).message)}`)
    }
    return [key.replace(/_(.)/g, (_all, letter: string) => letter.toUpperCase()), item]
  })
  return Object.fromEntries(entries)
}

function either(value: Record<string, unknown>, one: string, other: string, at: string): void {
  if (one in value && other in value) throw new UserError(`${at} has both ${one} and ${other}`)
}

function tagPattern(value: unknown, at: string): void {
  pattern(value, at)
  if (!Pattern.of(value as string).names.includes('key')) throw new Error('must have the group "key"')
}

function valueParser(value: unknown, at: string): void {
  if (!isObject(value)) throw new Error('must be an object')
  for (const key of Object.keys(value)) {
    if (key !== 'name' && key !== 'args') throw new Error(`has the unknown key "${key}"`)
  }
  const { name = 'text', args = {} } = value
  // Values in values would need no end.
  if (name === 'xml-inline' || name === 'kv-lines') throw new Error('must name a parser of single values')
  parser(name, at)
  object(args, at)
  read(args as Record<string, unknown>, argsOf(name as string), `${at}.args`)
}
