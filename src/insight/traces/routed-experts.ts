/*
 * `routed_experts` in the answers of vLLM, SGLang and molm: ids of experts, [tokens, layers, k], for each token of prompt and
 * answer but the last one. It imports nothing, since scripts/bundle.mjs puts it into the file of `<molm-map>`.
 */

export type Fields = Record<string, unknown>

/** Sizes that these answers may lack, and how to give them. */
export interface Shape {
  layers: number
  topK: number
  remedy: string
}

export interface RoutedText {
  /** Tokens that were read, with ids and texts as far as the answer has them. */
  tokens: { id?: number; text?: string }[]
  /** The number of the first ones that are the prompt's. */
  prompt: number
  layers: number
  /** Experts of a token in a layer; none if the layer has none. */
  idsOf(token: number, layer: number): number[]
}

/** Reads a choice of a response, or the whole answer. Throws an error with a sentence; undefined if it has no experts. */
export function readRouted(choice: Fields, response: Fields, shape: Shape): RoutedText | undefined {
  const routed = choice.routed_experts ?? (choice.sgl_ext as Fields | undefined)?.routed_experts
  if (routed === undefined || routed === null) return undefined
  const { numbers, depth, width, start } = arrayOf(routed, shape)
  const count = numbers.length / (depth * width)
  const ids = listOf(choice.prompt_token_ids) ?? listOf(response.prompt_token_ids)
  const answer = answerOf(choice)
  // The last token of an answer was not read.
  const before = answer.length > 0 ? start + count + 1 - answer.length : 0
  const prompt = ids?.length ?? countIn(choice) ?? countIn(response.usage) ?? Math.max(0, before)
  return {
    tokens: Array.from({ length: count }, (_, i) => {
      const at = start + i
      return at < prompt ? { ...(ids && { id: ids[at] }) } : (answer[at - prompt] ?? {})
    }),
    prompt: Math.min(count, Math.max(0, prompt - start)),
    layers: depth,
    idsOf(token, layer) {
      const own = Array.from({ length: width }, (_, i) => numbers[(token * depth + layer) * width + i])
      // Engines fill layers without experts with -1 or 0.
      return own.every((id) => id === own[0]) && (width > 1 || own[0] < 0) ? [] : own.filter((id) => id >= 0)
    },
  }
}

/** Tokens of the answer, if the request asked for log-probabilities or ids. */
function answerOf({ logprobs, token_ids, output_ids, output_token_logprobs: scores }: Fields): RoutedText['tokens'] {
  const ids = listOf(token_ids) ?? listOf(output_ids)
  const { tokens, content } = (logprobs ?? {}) as Fields
  const words = Array.isArray(content) ? content.map((one) => one?.token) : Array.isArray(tokens) ? tokens : []
  // SGLang: the log-probability, the id, and the text or null.
  const parts = Array.isArray(scores) ? scores : []
  const length = Math.max(ids?.length ?? 0, words.length, parts.length)
  return Array.from({ length }, (_, i) => {
    const [id, text] = [ids?.[i] ?? parts[i]?.[1], words[i] ?? parts[i]?.[2]]
    return { ...(typeof id === 'number' && { id }), ...(typeof text === 'string' && { text }) }
  })
}

function countIn(counts: unknown): number | undefined {
  const count = (counts as Fields | undefined)?.prompt_tokens
  return typeof count === 'number' ? count : undefined
}

function listOf(value: unknown): number[] | undefined {
  return Array.isArray(value) && value.every((one) => typeof one === 'number') ? value : undefined
}

const ARRAYS: Record<string, (bytes: ArrayBuffer) => ArrayLike<number>> = {
  u1: (bytes) => new Uint8Array(bytes),
  u2: (bytes) => new Uint16Array(bytes),
  i2: (bytes) => new Int16Array(bytes),
  i4: (bytes) => new Int32Array(bytes),
  i8: (bytes) => Array.from(new BigInt64Array(bytes), Number),
}
const DTYPES: Record<string, string> = { uint8: 'u1', uint16: 'u2', int16: 'i2', int32: 'i4', int64: 'i8' }

/** Lists; or in base64 a NumPy file (vLLM), bytes with their shape and type (molm, Dynamo), or bare int32 (SGLang). */
function arrayOf(routed: unknown, shape: Shape) {
  if (Array.isArray(routed)) {
    const [depth, width] = [routed[0]?.length, routed[0]?.[0]?.length]
    return sized(listOf(routed.flat(2)) ?? [], depth, width)
  }
  const { data, shape: given, dtype, start } = typeof routed === 'string' ? { data: routed } : (routed as Fields)
  const bytes = bytesOf(String(data))
  const first = typeof start === 'number' ? start : 0
  if (bytes[0] !== 0x93 || bytes[1] !== 0x4e) {
    const [, depth, width] = listOf(given) ?? [0, shape.layers, shape.topK]
    if (!depth || !width) throw new Error(`these routed_experts have no shape: ${shape.remedy}`)
    return sized(numbersIn(bytes, DTYPES[String(dtype ?? 'int32')]), depth, width, first)
  }
  // A NumPy file: after eight bytes comes the length of a head, in two bytes or, from version 2 on, in four.
  const wide = bytes[6] > 1 ? 4 : 2
  const end = 8 + wide + bytes[8] + 256 * bytes[9]
  const head = new TextDecoder('latin1').decode(bytes.subarray(8 + wide, end))
  const [, depth, width] = /'shape': \(([\d, ]+)\)/.exec(head)?.[1].split(',').map(Number) ?? []
  return sized(numbersIn(bytes.subarray(end), /'descr': '[<|](\w\d)'/.exec(head)?.[1]), depth, width, first)
}

function sized(numbers: ArrayLike<number>, depth: number, width: number, start = 0) {
  const isWhole = [depth, width, start + 1].every((size) => Number.isSafeInteger(size) && size > 0)
  if (!isWhole || numbers.length % (depth * width) !== 0)
    throw new Error(`${numbers.length} numbers of routed_experts do not fit ${depth} layers with ${width} experts`)
  return { numbers, depth, width, start }
}

function bytesOf(base64: string): Uint8Array {
  try {
    return Uint8Array.from(atob(base64), (sign) => sign.charCodeAt(0))
  } catch {
    throw new Error('routed_experts are not in base64')
  }
}

function numbersIn(bytes: Uint8Array, type = ''): ArrayLike<number> {
  const numbers = ARRAYS[type]
  if (!numbers || bytes.length % Number(type[1]) !== 0)
    throw new Error('the type of the numbers in routed_experts is not known')
  return numbers(bytes.slice().buffer as ArrayBuffer)
}
