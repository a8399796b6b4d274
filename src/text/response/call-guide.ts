import type { Tool, ToolChoice } from '../../api/chat.js'
import type { ResponseField, ResponseTemplate } from '../../api/response.js'
import type { CallGuide } from './call-grammar.js'
import { gemmaCalls } from './gemma-calls.js'
import { harmonyCalls } from './harmony-calls.js'
import { jsonCalls } from './json-calls.js'
import { mistralListCalls } from './mistral-calls.js'
import { pythonListCalls } from './python-list-calls.js'
import { taggedCalls } from './tagged-calls.js'

export interface CallGuideOptions {
  /** 'none' gives no guide. */
  choice: ToolChoice
  /** Whether one answer may have several calls. */
  parallel: boolean
}

/**
 * Grammars of calls of these tools, as a model writes them. Undefined if the form of its calls is unknown or no grammar
 * can describe it: such calls are read, but cannot be forced.
 */
export function callGuide(
  response: ResponseTemplate | undefined,
  tools: readonly Tool[],
  { choice, parallel }: CallGuideOptions,
): CallGuide | undefined {
  const field = response?.fields.tool_calls
  const chosen = typeof choice === 'object' ? tools.filter(({ name }) => name === choice.name) : tools
  if (!field || choice === 'none' || chosen.length === 0) return undefined
  return FORMS.map((form) => form(field, chosen, parallel)).find((guide) => guide !== undefined)
}

/** Forms of calls. Each gives undefined for a field of another form. */
const FORMS: readonly ((field: ResponseField, tools: readonly Tool[], parallel: boolean) => CallGuide | undefined)[] = [
  harmonyCalls,
  taggedCalls,
  pythonListCalls,
  mistralListCalls,
  gemmaCalls,
  jsonCalls,
]
