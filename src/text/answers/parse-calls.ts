import { type Dialect, LiteralReader, shallowJson } from './literal-reader.js'

/** A call before its arguments are checked. */
export interface WrittenCall {
  name: string
  arguments: Record<string, unknown>
}

/**
 * Calls as Python writes them: `[name(key="text", other=2), second()]`. The brackets may be missing, and so may the
 * backslashes before quotes: chat templates of LFM2 write none.
 */
export function pythonCalls(text: string): WrittenCall[] {
  try {
    return callsIn(text, { isPython: true })
  } catch {
    return callsIn(text, { isPython: true, hasLooseQuotes: true })
  }
}

function callsIn(text: string, dialect: Dialect): WrittenCall[] {
  const reader = new LiteralReader(text, dialect)
  const calls = reader.takes('[') ? reader.items(']', () => pythonCall(reader)) : [pythonCall(reader)]
  if (!reader.isAtEnd) throw new Error('more follows the calls')
  return calls
}

function pythonCall(reader: LiteralReader): WrittenCall {
  const name = reader.match(NAME)
  if (name === undefined) throw new Error('a name is missing')
  reader.expect('(')
  const args = reader.items(')', () => {
    const key = reader.match(KEY)
    if (key === undefined) throw new Error('an argument has no name')
    reader.expect('=')
    return [key, reader.value()] as const
  })
  return { name, arguments: Object.fromEntries(args) }
}

const NAME = /[\p{L}_][\p{L}\p{N}_.:/-]*/uy
const KEY = /[\p{L}_$][\p{L}\p{N}_$-]*(?=\s*=)/uy

/** Values of JSON with small slips: line breaks in strings, a comma too many, words and quotes of Python. */
export function slippedJson(text: string): unknown[] {
  const reader = new LiteralReader(text, { isPython: true })
  const values: unknown[] = []
  while (!reader.isAtEnd) values.push(reader.value())
  return values.flat()
}

/** Calls of Mistral's models behind `[TOOL_CALLS]`: a list of objects, or `name[ARGS]{...}` for each call. */
export function mistralCalls(text: string): unknown[] {
  return partsOf(text).flatMap((part): unknown => {
    const [all, name] = /^\s*([^[{\s]+)\s*(?:\[CALL_ID\][^[]*)?(?:\[ARGS\])?\s*(?=\{)/.exec(part) ?? []
    if (all === undefined) return shallowJson(part)
    return { name, arguments: shallowJson(part.slice(all.length)) }
  })
}

/** The texts between openers of calls. An opener within a string of JSON is part of the string. */
function partsOf(text: string): string[] {
  const parts: string[] = []
  let begin = 0
  let isInside = false
  for (const { 0: mark, index } of text.matchAll(/\\.|["\n]|\[TOOL_CALLS\]/gs)) {
    if (mark === '"') isInside = !isInside
    else if (mark === '\n') isInside = false
    else if (mark[0] === '[' && !isInside) {
      parts.push(text.slice(begin, index))
      begin = index + mark.length
    }
  }
  return [...parts, text.slice(begin)]
}
