import { UserError } from '../../ground/errors.js'
import { isObject } from '../../ground/json/json.js'
import { readRouted, type Shape } from '../../insight/traces/routed-experts.js'
import { type TracedText, TracedTextBuilder, type TraceFormat } from '../../insight/traces/traced-text.js'
import { MIXTURE_KINDS } from '../../model/config/config.js'

/** A token with its experts, as molm's server reports it. */
interface RoutedToken {
  token: number
  text?: string
  experts: unknown
}

/** An answer, whose words are put into `words`. */
interface Answer {
  choice: Record<string, unknown>
  response: Record<string, unknown>
  words: Map<number, string>
  /** Begins the messages of errors. */
  where: string
}

/**
 * Reads the choices of a completion with `routed_experts`, each a text, or an answer of SGLang. `place` begins the message
 * of the UserError that it throws.
 */
export function readResponse(response: Record<string, unknown>, place: string, shape: Shape): TraceFormat {
  const words = new Map<number, string>()
  const { choices: all = [{ ...response, ...(isObject(response.meta_info) && response.meta_info) }] } = response
  const choices = (all as unknown[]).map((choice, i) => {
    const where = response.choices ? `${place}: choices[${i}]` : place
    if (!isObject(choice)) throw new UserError(`${where}: an object was expected`)
    const routed = choice.routed_experts
    if (Array.isArray(routed) && !Array.isArray(routed[0])) {
      return textOf(choice, routedTokens(routed, `${where}: routed_experts`), words, where)
    }
    return packedText({ choice, response, words, where }, shape)
  })
  if (choices.length === 0) throw new UserError(`${place}: there are no choices in it`)
  return {
    ...(typeof response.model === 'string' && { model: response.model }),
    texts: choices.map((text, i) => ({ name: choices.length > 1 ? `choice ${i}` : '', text })),
    words,
  }
}

function routedTokens(value: unknown, place: string): RoutedToken[] {
  const isToken = (one: unknown) => isObject(one) && typeof one.token === 'number' && 'experts' in one
  if (Array.isArray(value) && value.every(isToken)) return value
  throw new UserError(
    `${place} must be a list of tokens with their experts, as molm serve writes it, or ids of experts as other engines do`,
  )
}

function textOf(
  choice: Record<string, unknown>,
  answer: readonly RoutedToken[],
  words: Map<number, string>,
  where: string,
): TracedText {
  const prompt = routedTokens(choice.prompt_routed_experts ?? [], `${where}: prompt_routed_experts`)
  const builder = new TracedTextBuilder(() => where)
  for (const { token, text, experts } of prompt) {
    addLayers(builder, builder.addToken({ id: token, isPrompt: true }), experts, where)
    if (text !== undefined) words.set(token, text)
  }
  for (const { token, text, experts } of answer) {
    if (text !== undefined) words.set(token, text)
    // The model had no position left to read it.
    if (experts !== null) addLayers(builder, builder.addToken({ id: token, isPrompt: false }), experts, where)
  }
  return builder.finish()
}

/** Negative ids for the texts of tokens whose ids are not known. They are the same in all files. */
const unnamed = new Map<string, number>()

/** A text whose experts are bare ids, as vLLM and SGLang report them. */
function packedText({ choice, response, words, where }: Answer, shape: Shape): TracedText {
  const routed = wrapped(where, () => readRouted(choice, response, shape))
  if (!routed) {
    throw new UserError(`${where}: there are no routed_experts; ask the server with "return_routed_experts": true`)
  }
  const builder = new TracedTextBuilder(() => where)
  for (const [i, { id, text }] of routed.tokens.entries()) {
    const name = text ?? `[${i}]`
    const known = id ?? unnamed.get(name) ?? -1 - unnamed.size
    if (id === undefined) unnamed.set(name, known)
    if (id === undefined || text !== undefined) words.set(known, name)
    const token = builder.addToken({ id: known, isPrompt: i < routed.prompt })
    for (let layer = 0; layer < routed.layers; layer++) {
      const ids = routed.idsOf(i, layer)
      if (ids.length > 0) builder.add(token, { kind: 'mlp', layer, ids })
    }
  }
  return builder.finish()
}

function wrapped<T>(where: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw new UserError(`${where}: ${(error as Error).message}`)
  }
}

/** Adds a token's experts, layer by layer, in the form of molm's JSON: `{ layer, mlp: { ids, gates } }`. */
export function addLayers(builder: TracedTextBuilder, token: number, layers: unknown, where: string): void {
  if (!Array.isArray(layers)) throw new UserError(`${where}: the experts of a token must be a list of layers`)
  for (const entry of layers) {
    if (!isObject(entry) || typeof entry.layer !== 'number') {
      throw new UserError(`${where}: the experts of a token must be { "layer": 0, "mlp": { "ids": [], "gates": [] } }`)
    }
    for (const kind of MIXTURE_KINDS) {
      const chosen = entry[kind]
      if (chosen === undefined) continue
      const { ids, gates } = isObject(chosen) ? chosen : {}
      if (!isNumbers(ids) || !(gates === undefined || (isNumbers(gates) && gates.length === ids.length))) {
        throw new UserError(
          `${where}: ${kind} experts of layer ${entry.layer} must have ids, and as many gates or none`,
        )
      }
      builder.add(token, { kind, layer: entry.layer, ids, ...(gates && { gates }) })
    }
  }
}

function isNumbers(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === 'number')
}
