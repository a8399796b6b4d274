import type { ResponseField, ResponseTemplate } from '../../api/response.js'
import { Pattern } from '../patterns/pattern.js'
import { matchesOf } from '../patterns/pattern-search.js'
import type { Dialect } from './literal-reader.js'
import { dialectOf } from './parse-content.js'
import { literalOf, literalsOf, THINKING_FIELDS } from './thinking-form.js'

/** Part of a message that a field is read into. */
export type RegionKind = 'thinking' | 'content' | 'call'

/** A field, ready to be found in a text. */
export interface Region {
  part: RegionKind
  field: ResponseField
  /** Undefined for the field without an opener. */
  open?: Pattern
  /** Undefined if the region lasts to the end of the text. */
  close?: Pattern
  /** Notation of its strings, if closers within them do not close it. */
  strings?: Dialect
}

/** A response template, ready to read answers. */
export class CompiledTemplate {
  readonly regions: readonly Region[]
  /** The field without an opener: it has the text that no other region has. */
  readonly implicit: Region | undefined
  private readonly anchor: string | undefined
  private readonly anchors: readonly string[]

  private constructor({ fields, startAnchor, startAnchorPattern }: ResponseTemplate) {
    this.regions = Object.entries(fields).map(([name, field]) => regionOf(name, field))
    this.implicit = this.regions.find(({ open }) => open === undefined)
    this.anchors = [startAnchor ?? []].flat()
    this.anchor = startAnchorPattern
  }

  /** The compiled form of a template. Throws a PatternError if one of its patterns is wrong. */
  static of(template: ResponseTemplate): CompiledTemplate {
    const compiled = COMPILED.get(template) ?? new CompiledTemplate(template)
    COMPILED.set(template, compiled)
    return compiled
  }

  /** The beginning of the answer that a prompt has: its text behind the last anchor. */
  begunIn(prompt: string): string {
    const ends = this.anchors.flatMap((anchor) => {
      const at = prompt.lastIndexOf(anchor)
      return at < 0 ? [] : [at + anchor.length]
    })
    const end = Math.max(...ends, this.anchor === undefined ? -1 : lastEnd(this.anchor, prompt))
    return end < 0 ? this.openedIn(prompt) : prompt.slice(end)
  }

  /** A text without the anchors that begin a message within it. */
  withoutAnchors(text: string): string {
    return this.anchors.reduce((rest, anchor) => rest.replaceAll(anchor, ''), text)
  }

  /** The opener of thoughts that a prompt without an anchor ends with. */
  private openedIn(prompt: string): string {
    const end = prompt.trimEnd()
    const openers = this.regions.filter(({ part }) => part === 'thinking').map(({ field }) => literalsOf(field).open)
    const open = openers.find((opener) => opener !== undefined && end.endsWith(opener))
    return open === undefined ? '' : prompt.slice(end.length - open.length)
  }
}

/** Most units of a prompt's end that are searched for an anchor that may begin in any way. */
const MOST_SEARCHED = 2 ** 16

/** End of the last match of an anchor's pattern; -1 without any. Only the end of a long prompt is searched. */
function lastEnd(source: string, prompt: string): number {
  const literal = /(?<!\\)\|/.test(source) ? undefined : literalOf(source)
  const last = literal === undefined ? -1 : prompt.lastIndexOf(literal)
  const begin = Math.max(0, (last < 0 ? prompt.length : last) - MOST_SEARCHED)
  try {
    const end = matchesOf(Pattern.of(source), prompt.slice(begin)).at(-1)?.end
    return end === undefined ? -1 : begin + end
  } catch {
    // The pattern takes too long.
    return -1
  }
}

const COMPILED = new WeakMap<ResponseTemplate, CompiledTemplate>()

function regionOf(name: string, field: ResponseField): Region {
  const part = THINKING_FIELDS.includes(name) ? 'thinking' : name === 'tool_calls' ? 'call' : 'content'
  return {
    part,
    field,
    open: patternOf(field.open, field.openPattern),
    close: field.close === 'eos' ? undefined : patternOf(field.close, field.closePattern),
    strings: part === 'call' ? stringsOf(field) : undefined,
  }
}

function patternOf(texts: string | string[] | undefined, pattern: string | undefined): Pattern | undefined {
  if (texts !== undefined) return Pattern.ofTexts([texts].flat())
  return pattern === undefined ? undefined : Pattern.of(pattern)
}

function stringsOf({ content, contentArgs = {} }: ResponseField): Dialect | undefined {
  if (content === 'json') return dialectOf(contentArgs)
  return content === 'python-calls' ? { isPython: true } : undefined
}
