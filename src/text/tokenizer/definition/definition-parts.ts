import { UserError } from '../../../ground/errors.js'
import { isObject } from '../../../ground/json/json.js'
import { printable } from '../../../ground/printable.js'
import { compilePattern, isPublishedPattern } from './pattern.js'

/** One part of tokenizer.json: a normalizer, a pre-tokenizer, a post-processor or a decoder, with its settings. */
export type DefinitionPart = Record<string, unknown> & { type: string }

/** The parts of a sequence (by its key `list`), or a single part; none for null. Throws a UserError for anything else. */
export function partsOf(part: unknown, list: string): DefinitionPart[] {
  if (part === null || part === undefined) return []
  if (!isObject(part) || typeof part.type !== 'string') throw new UserError(`a part in ${list} has no type`)
  if (part.type !== 'Sequence') return [part as DefinitionPart]
  const parts = part[list]
  if (!Array.isArray(parts)) throw new UserError(`a Sequence has no ${list}`)
  return parts.flatMap((inner) => partsOf(inner, list))
}

/** Throws a UserError that names an unknown part or setting: without it texts would get wrong tokens. */
export function refusePart(what: string, part: DefinitionPart, setting?: string): never {
  const value = setting === undefined ? '' : ` with ${setting} ${printable(JSON.stringify(part[setting]) ?? 'absent')}`
  throw new UserError(`its ${what} ${printable(part.type)}${value} is not supported`)
}

/** The pattern of a part: `{ "String": ... }` or `{ "Regex": ... }`. */
export function patternOf(what: string, part: DefinitionPart): RegExp {
  const { pattern } = part
  const { String: text, Regex: regex } = isObject(pattern) ? pattern : {}
  if (typeof text === 'string' && text !== '') return new RegExp(text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'), 'gu')
  if (typeof regex === 'string' && regex !== '') return compilePattern(regex)
  return refusePart(what, part, 'pattern')
}

/** Whether a part's pattern is a fixed text, or a published pattern that is known to be quick. */
export function hasQuickPattern({ pattern }: DefinitionPart): boolean {
  if (!isObject(pattern)) return false
  const { Regex: regex } = pattern
  return typeof regex !== 'string' || isPublishedPattern(regex)
}
