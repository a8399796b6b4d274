import { UserError } from '../../ground/errors.js'
import { isObject, parseJson } from '../../ground/json/json.js'
import type { Shape } from '../../insight/traces/routed-experts.js'
import { rowOf, TraceRows } from '../../insight/traces/trace-rows.js'
import { TracedTextBuilder, type TraceFormat } from '../../insight/traces/traced-text.js'
import { addLayers, readResponse } from './response.js'

/** Most values and keys of one JSON text: an array of the ids of 80,000 tokens of a large model. */
const MOST_VALUES = 2 ** 25
const MOST_KEYS = 2 ** 21

export interface JsonText {
  bytes: Uint8Array
  place: string
}

/**
 * Reads one JSON text or several, a line each: rows of molm's trace; responses of a server; or answers of `molm run
 * --json --experts` and steps of `--jsonl --experts`.
 */
export async function readJsonTrace(path: string, texts: AsyncIterable<JsonText>, shape: Shape): Promise<TraceFormat> {
  let last = path
  const rows = new TraceRows(() => `${path}: up to ${last}`)
  const steps = new TracedTextBuilder(() => path)
  const responses: TraceFormat[] = []
  const words = new Map<number, string>()
  const kinds = new Set<string>()
  for await (const { bytes, place } of texts) {
    const value = parseJson(bytes, place, MOST_VALUES, MOST_KEYS)
    last = place.slice(path.length + 2) || 'the end'
    const kind = kindOf(value, place)
    kinds.add(kind)
    if (kinds.size > (kinds.has('end') ? 2 : 1)) throw new UserError(`${place}: another format than the lines before`)
    if (!isObject(value)) continue
    if (kind === 'row') rows.add(rowOf(value, () => place))
    else if (kind === 'response') responses.push(readResponse(value, place, shape))
    else if (kind === 'answer') responses.push(readAnswer(value, place))
    else if (kind === 'step') addStep(steps, value, words, place)
  }
  if (responses.length > 0) return together(responses)
  const isRows = kinds.has('row')
  return {
    texts: [{ name: '', text: isRows ? rows.finish() : steps.finish() }],
    words: isRows ? rows.words : words,
  }
}

function kindOf(value: unknown, place: string): 'row' | 'response' | 'answer' | 'step' | 'end' {
  if (isObject(value)) {
    if (Array.isArray(value.choices) || 'meta_info' in value || 'routed_experts' in value) return 'response'
    if ('layer' in value && 'expert' in value) return 'row'
    if (Array.isArray(value.tokens) && Array.isArray(value.experts)) return 'answer'
    if ('token' in value && 'experts' in value) return 'step'
    // The last line of `--jsonl`.
    if ('finish_reason' in value && !('experts' in value)) return 'end'
  }
  throw new UserError(
    `${place}: neither a row of a trace nor a response with routed_experts; docs/EXPERTS.md has the formats`,
  )
}

function readAnswer({ model, tokens, experts }: Record<string, unknown>, place: string): TraceFormat {
  const builder = new TracedTextBuilder(() => place)
  const ids = tokens as unknown[]
  for (const [i, layers] of (experts as unknown[]).entries()) {
    const id = ids[i]
    if (typeof id !== 'number') throw new UserError(`${place}: tokens[${i}] must be a number`)
    if (layers !== null)
      addLayers(builder, builder.addToken({ id, isPrompt: false }), layers, `${place}: experts[${i}]`)
  }
  const texts = [{ name: '', text: builder.finish() }]
  return { ...(typeof model === 'string' && { model }), texts, words: new Map() }
}

function addStep(
  steps: TracedTextBuilder,
  { token, text, experts }: Record<string, unknown>,
  words: Map<number, string>,
  place: string,
): void {
  if (typeof token !== 'number') throw new UserError(`${place}: token must be a number`)
  if (typeof text === 'string') words.set(token, text)
  if (experts !== null) addLayers(steps, steps.addToken({ id: token, isPrompt: false }), experts, place)
}

function together(responses: readonly TraceFormat[]): TraceFormat {
  const [first] = responses
  if (responses.length === 1) return first
  return {
    ...first,
    texts: responses.flatMap(({ texts }, i) =>
      texts.map(({ name, text }) => ({ name: `answer ${i}${name && `, ${name}`}`, text })),
    ),
    words: new Map(responses.flatMap(({ words }) => [...words])),
  }
}
