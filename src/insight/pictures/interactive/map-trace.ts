/*
 * Reads molm's traces and the `routed_experts` of vLLM and SGLang for `<molm-map>`. It imports nothing: scripts/build.mjs puts
 * it and molm-map.ts into the one file that a page loads.
 */

/** Experts of one kind that a token woke in a layer. */
export interface Woken {
  kind: string
  layer: number
  ids: number[]
  gates?: number[]
}

export interface Token {
  text: string
  woken: Woken[]
}

export interface Trace {
  name: string
  tokens: Token[]
  /** Numbers of experts by kind and layer, if the trace has them. */
  experts?: Record<string, number[]>
}

/** Sizes that a trace of another engine may lack. */
export interface Shape {
  layers: number
  topK: number
}

type Fields = Record<string, unknown>

const KINDS = ['attention', 'mlp']

/** Reads the texts of a trace. Throws an error with a sentence for the page's author. */
export function readTrace(source: string, shape: Shape = { layers: 0, topK: 0 }): Trace[] {
  const text = source.trim()
  if (!text.startsWith('{')) return ofRows(csvRows(text))
  let values: Fields[]
  try {
    values = [JSON.parse(text)]
  } catch {
    values = text.split('\n').map((line) => JSON.parse(line))
  }
  const [first] = values
  if ('layer' in first) return ofRows(values)
  if (Array.isArray(first.texts)) return first.texts.map(ofText)
  if (Array.isArray(first.choices)) return first.choices.map((choice, i) => ofChoice(choice, `choice ${i}`, shape))
  if ('meta_info' in first) return [ofChoice({ ...first, ...(first.meta_info as Fields) }, '', shape)]
  if ('routed_experts' in first) return [ofChoice(first, '', shape)]
  if (Array.isArray(first.tokens)) {
    const { tokens, experts } = first as { tokens: number[]; experts: unknown[] }
    return [{ name: '', tokens: tokens.map((id, i) => tokenOf({ token: id, experts: experts[i] })) }]
  }
  return [{ name: '', tokens: values.filter((step) => 'experts' in step && 'token' in step).map(tokenOf) }]
}

/** A text of `molm experts --json --tokens`. */
function ofText({ name, usage, per_token }: Fields): Trace {
  if (!Array.isArray(per_token)) throw new Error('the file has no tokens: add --tokens to molm experts --json')
  const experts = Object.entries(usage as Record<string, number[][]>).map(([kind, layers]) => {
    return [kind, layers.map((counts) => counts.length)] as const
  })
  return { name: String(name), tokens: per_token.map(tokenOf), experts: Object.fromEntries(experts) }
}

/** A token in molm's JSON; the last one of an answer may not have been read. */
function tokenOf({ token, text, experts }: Fields): Token {
  const layers = (experts ?? []) as ({ layer: number } & Record<string, { ids: number[]; gates?: number[] }>)[]
  const woken = layers.flatMap((entry) => {
    return KINDS.flatMap((kind) => (entry[kind] ? [{ kind, layer: entry.layer, ...entry[kind] }] : []))
  })
  return { text: typeof text === 'string' ? text : `[${token}]`, woken }
}

/** Rows of `molm run --trace`, in the order of the tokens. */
function ofRows(rows: readonly Fields[]): Trace[] {
  const texts = new Map<string, Token[]>()
  let last: Fields = {}
  for (const row of rows) {
    const name = String(row.text_name ?? '')
    const tokens = texts.get(name) ?? []
    texts.set(name, tokens)
    if (tokens.length === 0 || row.index !== last.index) tokens.push({ text: String(row.text), woken: [] })
    const { woken } = tokens[tokens.length - 1]
    const [kind, layer] = [String(row.kind), Number(row.layer)]
    const known = woken.find((one) => one.kind === kind && one.layer === layer)
    const own = known ?? { kind, layer, ids: [], gates: [] }
    if (!known) woken.push(own)
    own.ids.push(Number(row.expert))
    if (row.gate !== undefined && row.gate !== '') own.gates?.push(Number(row.gate))
    last = row
  }
  return [...texts].map(([name, tokens]) => ({ name, tokens }))
}

function csvRows(text: string): Fields[] {
  const fields = [...text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\n]*))(,|\r?\n|$)/g)]
  const records: string[][] = [[]]
  for (const [all, quoted, plain, end] of fields) {
    if (all === '') break
    records[records.length - 1].push(quoted?.replaceAll('""', '"') ?? plain.trimEnd())
    if (end !== ',') records.push([])
  }
  const [head, ...rows] = records.filter(({ length }) => length > 0)
  if (!head?.includes('expert')) throw new Error('the file is neither JSON nor a table with a column “expert”')
  return rows.map((row) => Object.fromEntries(head.map((name, i) => [name, row[i]])))
}

/**
 * A choice of a completion. molm lists its tokens. vLLM has the bytes of a NumPy file, or bytes with their shape and type;
 * SGLang has bare int32. Both are in base64 and have a row for each token of prompt and answer but the last one.
 */
function ofChoice(choice: Fields, name: string, shape: Shape): Trace {
  const routed = choice.routed_experts ?? (choice.sgl_ext as Fields | undefined)?.routed_experts
  if (routed === undefined || routed === null)
    throw new Error('the response has no routed_experts: ask the server for them')
  if (Array.isArray(routed) && !Array.isArray(routed[0])) {
    const prompt = (choice.prompt_routed_experts ?? []) as Fields[]
    return { name, tokens: [...prompt, ...routed].map(tokenOf) }
  }
  const rows = Array.isArray(routed) ? (routed as number[][][]) : rowsOf(routed as string | Fields, shape)
  const words = wordsOf(choice)
  const first = rows.length + 1 - words.length
  const tokens = rows.map((layers, i) => {
    const woken = layers.map((ids, layer) => ({ kind: 'experts', layer, ids: ids.filter((id) => id >= 0) }))
    return { text: words[i - first] ?? `[${i}]`, woken }
  })
  return { name, tokens }
}

/** Texts of the tokens of the answer, if the request asked for `logprobs`. */
function wordsOf({ logprobs }: Fields): string[] {
  const { tokens, content } = (logprobs ?? {}) as { tokens?: string[]; content?: { token: string }[] }
  return tokens ?? content?.map(({ token }) => token) ?? []
}

const ARRAYS: Record<string, (bytes: ArrayBuffer) => ArrayLike<number>> = {
  u1: (bytes) => new Uint8Array(bytes),
  u2: (bytes) => new Uint16Array(bytes),
  i2: (bytes) => new Int16Array(bytes),
  i4: (bytes) => new Int32Array(bytes),
  i8: (bytes) => Array.from(new BigInt64Array(bytes), Number),
}
const DTYPES: Record<string, string> = { uint8: 'u1', uint16: 'u2', int16: 'i2', int32: 'i4', int64: 'i8' }

/** Experts by token and layer, from bytes in base64. */
function rowsOf(routed: string | Fields, { layers, topK }: Shape): number[][][] {
  const { data, shape, dtype } = typeof routed === 'string' ? { data: routed } : (routed as Fields)
  const bytes = Uint8Array.from(atob(String(data)), (sign) => sign.charCodeAt(0))
  const isFile = bytes[0] === 0x93 && bytes[1] === 0x4e
  let [sizes, type, start] = [shape as number[] | undefined, DTYPES[String(dtype)] ?? 'i4', 0]
  if (isFile) {
    // A NumPy file: after eight bytes comes the length of a head, in two bytes or, from version 2 on, in four.
    const wide = bytes[6] > 1 ? 4 : 2
    start = 8 + wide + bytes[8] + 256 * bytes[9]
    const head = new TextDecoder('latin1').decode(bytes.subarray(8 + wide, start))
    sizes = /'shape': \(([\d, ]+)\)/.exec(head)?.[1].split(',').map(Number)
    type = /'descr': '[<|](\w\d)'/.exec(head)?.[1] ?? ''
  }
  const numbers = ARRAYS[type]?.(bytes.slice(start).buffer)
  if (!numbers) throw new Error('the type of the numbers in routed_experts is not known')
  const [, depth, width] = sizes ?? [0, layers, topK]
  if (!depth || !width) throw new Error('give the attributes layers and top-k: these routed_experts have no shape')
  const count = Math.floor(numbers.length / (depth * width))
  return Array.from({ length: count }, (_, token) => {
    return Array.from({ length: depth }, (_, layer) => {
      return Array.from({ length: width }, (_, i) => numbers[(token * depth + layer) * width + i])
    })
  })
}
