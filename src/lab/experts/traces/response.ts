import { UserError } from '../../../ground/errors.js'
import { isObject } from '../../../ground/json/json.js'
import { MIXTURE_KINDS } from '../../../model/config/config.js'
import { type TracedText, TracedTextBuilder, type TraceFormat } from './traced-text.js'

/** A token with its experts, as molm's server reports it. */
interface RoutedToken {
  token: number
  text?: string
  experts: unknown
}

/**
 * Reads the choices of a completion of molm's server with `routed_experts`, each a text. `place` begins the message of
 * the UserError that it throws.
 */
export function readResponse(response: Record<string, unknown>, place: string): TraceFormat {
  const words = new Map<number, string>()
  const choices = (response.choices as unknown[]).map((choice, i) => {
    const where = `${place}: choices[${i}]`
    if (!isObject(choice)) throw new UserError(`${where}: an object was expected`)
    const routed = choice.routed_experts
    if (routed === undefined || routed === null) {
      throw new UserError(`${where}: there are no routed_experts; ask molm serve for them with "routed_experts": true`)
    }
    return textOf(choice, routedTokens(routed, `${where}: routed_experts`), words, where)
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
    `${place} must be a list of tokens with their experts, as molm serve writes it; docs/EXPERTS.md has a table for other engines`,
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
