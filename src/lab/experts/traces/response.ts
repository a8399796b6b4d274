import { UserError } from '../../../ground/errors.js'
import { isObject } from '../../../ground/json/json.js'
import { MIXTURE_KINDS } from '../../../model/config/config.js'
import { type RoutedArray, readNpy } from './npy.js'
import { type TracedText, TracedTextBuilder, type TraceFormat } from './traced-text.js'

/** A token with its experts, as molm's server reports it. */
interface RoutedToken {
  token: number
  text?: string
  experts: unknown
}

/**
 * Reads the choices of a completion with `routed_experts`, each a text: from molm's server with tokens and gates, or
 * from vLLM with ids alone: an array [tokens][layers][k], or the base64 of such an array in NumPy's format. `place`
 * begins the message of the UserError that it throws.
 */
export function readResponse(response: Record<string, unknown>, place: string): TraceFormat {
  const words = new Map<number, string>()
  let isVllm = false as boolean
  const choices = (response.choices as unknown[]).map((choice, i) => {
    const where = `${place}: choices[${i}]`
    if (!isObject(choice)) throw new UserError(`${where}: an object was expected`)
    const routed = choice.routed_experts
    if (routed === undefined || routed === null) {
      throw new UserError(
        `${where}: there are no routed_experts; ask molm for them with "routed_experts": true, start vLLM with --enable-return-routed-experts`,
      )
    }
    if (Array.isArray(routed) && routed.every(isRoutedToken)) return molmText(choice, routed, words, where)
    isVllm = true
    return vllmText(response, choice, where)
  })
  if (choices.length === 0) throw new UserError(`${place}: there are no choices in it`)
  return {
    ...(typeof response.model === 'string' && { model: response.model }),
    texts: choices.map((text, i) => ({ name: choices.length > 1 ? `choice ${i}` : '', text })),
    words,
    ...(isVllm && { onlyMixtures: true as const }),
  }
}

function isRoutedToken(value: unknown): value is RoutedToken {
  return isObject(value) && typeof value.token === 'number' && 'experts' in value
}

function molmText(
  choice: Record<string, unknown>,
  answer: readonly RoutedToken[],
  words: Map<number, string>,
  where: string,
): TracedText {
  const prompt = choice.prompt_routed_experts ?? []
  if (!Array.isArray(prompt) || !prompt.every(isRoutedToken)) {
    throw new UserError(`${where}: prompt_routed_experts must be a list of tokens with their experts`)
  }
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

function vllmText(response: Record<string, unknown>, choice: Record<string, unknown>, where: string): TracedText {
  const answer = routedArray(choice.routed_experts, `${where}.routed_experts`)
  const ofPrompt = choice.prompt_routed_experts ?? response.prompt_routed_experts
  const prompt = ofPrompt == null ? undefined : routedArray(ofPrompt, `${where}: prompt_routed_experts`)
  if (prompt && (prompt.layers !== answer.layers || prompt.k !== answer.k)) {
    throw new UserError(`${where}: prompt and answer have different numbers of layers or experts`)
  }
  const promptIds = idsOf(choice.prompt_token_ids ?? response.prompt_token_ids)
  const { usage } = response
  const counted = isObject(usage) && typeof usage.prompt_tokens === 'number' ? usage.prompt_tokens : 0
  // An array of prompt and answer begins with the prompt.
  const promptTokens = prompt?.tokens ?? Math.min(promptIds?.length ?? counted, answer.tokens)
  const answerIds = idsOf(choice.token_ids)
  const ids = promptIds && answerIds ? [...promptIds, ...answerIds] : []
  const builder = new TracedTextBuilder(() => where)
  let read = 0
  for (const { tokens, layers, k, ids: experts } of prompt ? [prompt, answer] : [answer]) {
    for (let t = 0; t < tokens; t++) {
      const token = builder.addToken({ id: ids[read], isPrompt: read < promptTokens })
      read++
      for (let layer = 0; layer < layers; layer++) {
        const at = (t * layers + layer) * k
        const chosen = Array.from({ length: k }, (_, i) => experts[at + i])
        // -1 marks a token whose experts were not recorded.
        if (chosen.some((id) => id !== -1)) builder.add(token, { kind: 'mlp', layer, ids: chosen })
      }
    }
  }
  return builder.finish()
}

/** Reads an array as vLLM writes it into JSON: in NumPy's format, or as nested lists until version 0.21. */
function routedArray(value: unknown, place: string): RoutedArray {
  if (typeof value === 'string') return readNpy(decodeBase64(value, place), place)
  const rows = Array.isArray(value) ? value : []
  const [layers, k] = [lengthOf(rows[0]), lengthOf(rows[0]?.[0])]
  const isEven = rows.every((row) => lengthOf(row) === layers && row.every((ids: unknown) => lengthOf(ids) === k))
  if (!(layers > 0 && k > 0 && isEven)) {
    throw new UserError(`${place}: must be expert ids [tokens][layers][experts of a token], or their base64 from NumPy`)
  }
  return { tokens: rows.length, layers, k, ids: (rows as number[][][]).flat(2) }
}

function lengthOf(value: unknown): number {
  return Array.isArray(value) ? value.length : 0
}

function idsOf(value: unknown): number[] | undefined {
  return isNumbers(value) ? value : undefined
}

function decodeBase64(text: string, place: string): Uint8Array {
  if (!/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(text)) throw new UserError(`${place}: not base64`)
  return Buffer.from(text, 'base64')
}
