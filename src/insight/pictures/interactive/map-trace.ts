import { type Fields, readRouted, type Shape } from '../../traces/routed-experts.js'

/*
 * Reads molm's traces and the `routed_experts` of vLLM and SGLang for `<molm-map>`. It imports them alone: scripts/bundle.mjs
 * makes one file for a page of all.
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

const KINDS = ['attention', 'mlp']

/** Reads the texts of a trace. Throws an error with a sentence for the page's author. */
export function readTrace(source: string, given: Partial<Shape> = {}): Trace[] {
  const shape = { layers: 0, topK: 0, remedy: 'give the attributes layers and top-k', ...given }
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
  if (Array.isArray(first.choices))
    return first.choices.map((choice, i) => ofChoice(choice, first, `choice ${i}`, shape))
  if ('meta_info' in first) return [ofChoice({ ...first, ...(first.meta_info as Fields) }, first, '', shape)]
  if ('routed_experts' in first) return [ofChoice(first, first, '', shape)]
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

/** A choice of a completion. molm lists its tokens, or has their experts as vLLM and SGLang have. */
function ofChoice(choice: Fields, response: Fields, name: string, shape: Shape): Trace {
  const listed = choice.routed_experts
  if (Array.isArray(listed) && !Array.isArray(listed[0])) {
    const prompt = (choice.prompt_routed_experts ?? []) as Fields[]
    return { name, tokens: [...prompt, ...listed].map(tokenOf) }
  }
  const routed = readRouted(choice, response, shape)
  if (!routed) throw new Error('the response has no routed_experts: ask the server for them')
  const tokens = routed.tokens.map(({ text }, i) => {
    const woken = Array.from({ length: routed.layers }, (_, layer) => {
      return { kind: 'experts', layer, ids: routed.idsOf(i, layer) }
    })
    return { text: text ?? `[${i}]`, woken }
  })
  return { name, tokens }
}
