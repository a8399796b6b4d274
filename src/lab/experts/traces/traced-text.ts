import { UserError } from '../../../ground/errors.js'
import type { MixtureKind } from '../../../model/config/config.js'

/** Experts of one kind that the tokens of a text chose in one layer. */
export interface TracedLayer {
  kind: MixtureKind
  layer: number
  k: number
  /** Expert ids: tokens x k, in the order of the trace. All k ids of a token are -1 if the trace does not have them. */
  ids: Int32Array
  /** Gates in the order of the ids; NaN for an id of -1. Absent if the trace has none. */
  gates?: Float32Array
}

export interface TracedText {
  length: number
  /** The number of its first tokens that are a prompt. */
  prompt: number
  tokens: number[]
  /** By layer, then by kind, in the order of use. */
  layers: TracedLayer[]
}

/** Contents of a file with a trace. */
export interface TraceFormat {
  model?: string
  /** Names are empty if the file has none. */
  texts: { name: string; text: TracedText }[]
  /** Texts of tokens by their ids, as far as the file has them. */
  words: Map<number, string>
}

/** Limits of traces, which are untrusted. */
const MOST_TRACED = { layers: 1024, experts: 4096, k: 256, tokens: 2 ** 22, choices: 2 ** 26 }

/** A choice of one token in one layer, as a file has it. */
export interface Choice {
  kind: MixtureKind
  layer: number
  ids: readonly number[]
  gates?: readonly number[]
}

/** Experts and gates of one layer and kind, while they grow. */
interface Column extends Pick<TracedLayer, 'kind' | 'layer' | 'k'> {
  ids: number[]
  gates?: number[]
}

/** Fills the tokens up to number `token` that have no experts. */
function skipTo({ k, ids, gates }: Column, token: number): void {
  for (let at = ids.length; at < token * k; at++) {
    ids.push(-1)
    gates?.push(Number.NaN)
  }
}

/** Collects the experts of a text's tokens. Its methods throw a UserError, which `place` begins, if limits are passed. */
export class TracedTextBuilder {
  private length = 0
  private prompt = 0
  private choices = 0
  private readonly tokens: number[] = []
  private readonly columns = new Map<string, Column>()

  constructor(private readonly place: () => string) {}

  /** Adds a token, and returns its number. */
  addToken({ id, isPrompt }: { id: number; isPrompt: boolean }): number {
    if (isPrompt && this.prompt < this.length) this.fail('a token of the prompt follows one of the answer')
    if (this.length >= MOST_TRACED.tokens) this.fail(`more than ${MOST_TRACED.tokens} tokens`)
    if (isPrompt) this.prompt++
    this.tokens.push(id)
    return this.length++
  }

  /** Adds the experts of a token. Within a layer, tokens come in their order. */
  add(token: number, { kind, layer, ids, gates }: Choice): void {
    const column = this.column(kind, layer, ids.length, gates !== undefined)
    const where = `layer ${layer}, ${kind}`
    const next = column.ids.length / column.k
    if (token < next) this.fail(`${where}: experts of this token come twice`)
    if (ids.length !== column.k)
      this.fail(`${where}: ${ids.length} experts of a token, and ${column.k} of those before`)
    if ((gates !== undefined) !== (column.gates !== undefined)) this.fail(`${where}: only some tokens have gates`)
    for (const id of ids) {
      if (!isIndex(id, MOST_TRACED.experts)) {
        this.fail(`${where}: an expert must be a number from 0 to ${MOST_TRACED.experts - 1}, not ${id}`)
      }
    }
    if (gates && !gates.every(Number.isFinite)) this.fail(`${where}: a gate is not a number`)
    this.choices += ids.length * (token + 1 - next)
    if (this.choices > MOST_TRACED.choices) this.fail(`more than ${MOST_TRACED.choices} choices of experts`)
    skipTo(column, token)
    column.ids.push(...ids)
    if (gates) column.gates?.push(...gates)
  }

  finish(): TracedText {
    const { length, prompt, tokens } = this
    if (length === 0 || this.columns.size === 0) this.fail('there are no experts in it')
    const columns = [...this.columns.values()].sort((a, b) => a.layer - b.layer || (a.kind < b.kind ? -1 : 1))
    const layers = columns.map((column) => {
      skipTo(column, length)
      const { ids, gates, ...about } = column
      return { ...about, ids: new Int32Array(ids), ...(gates && { gates: new Float32Array(gates) }) }
    })
    return { length, prompt, tokens, layers }
  }

  private column(kind: MixtureKind, layer: number, k: number, hasGates: boolean): Column {
    const name = `${kind} ${layer}`
    const known = this.columns.get(name)
    if (known) return known
    if (!isIndex(layer, MOST_TRACED.layers)) {
      this.fail(`a layer must be a number from 0 to ${MOST_TRACED.layers - 1}, not ${layer}`)
    }
    if (k < 1 || k > MOST_TRACED.k) this.fail(`layer ${layer}: a token has ${k} experts, not 1 to ${MOST_TRACED.k}`)
    const column: Column = { kind, layer, k, ids: [], ...(hasGates && { gates: [] }) }
    this.columns.set(name, column)
    return column
  }

  private fail(what: string): never {
    throw new UserError(`${this.place()}: ${what}`)
  }
}

function isIndex(value: unknown, end: number): boolean {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < end
}
