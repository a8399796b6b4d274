import { UserError } from '../../errors.js'
import type { MixtureKind } from '../../model/config.js'

/** Experts of one kind that the tokens of a text chose in one layer. */
export interface TracedLayer {
  kind: MixtureKind
  layer: number
  /** Experts of a token. */
  k: number
  /** Expert ids: tokens x k, in the order of the trace. All k ids of a token are -1 if the trace does not have them. */
  ids: Int32Array
  /** Gates in the order of the ids; NaN for an id of -1. Absent if the trace has none. */
  gates?: Float32Array
}

/** The experts that the tokens of one text chose. */
export interface TracedText {
  length: number
  /** The number of its first tokens that are a prompt. */
  prompt: number
  /** Ids of the tokens. Absent if the trace does not have them. */
  tokens?: number[]
  /** By layer, then by kind, in the order of use. */
  layers: TracedLayer[]
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
class Column {
  tokens = 0
  ids: Int32Array
  gates?: Float32Array

  constructor(
    readonly kind: MixtureKind,
    readonly layer: number,
    readonly k: number,
    hasGates: boolean,
  ) {
    this.ids = new Int32Array(64 * k)
    if (hasGates) this.gates = new Float32Array(64 * k)
  }

  /** Leaves the tokens before number `token` without experts. */
  skipTo(token: number): void {
    const [from, to] = [this.tokens * this.k, token * this.k]
    this.reserve(to)
    this.ids.fill(-1, from, to)
    this.gates?.fill(Number.NaN, from, to)
    this.tokens = token
  }

  push(ids: readonly number[], gates?: readonly number[]): void {
    const at = this.tokens++ * this.k
    this.reserve(at + this.k)
    this.ids.set(ids, at)
    if (gates) this.gates?.set(gates, at)
  }

  private reserve(values: number): void {
    if (values <= this.ids.length) return
    const size = Math.max(values, 2 * this.ids.length)
    const [ids, gates] = [this.ids, this.gates]
    this.ids = new Int32Array(size)
    this.ids.set(ids)
    if (!gates) return
    this.gates = new Float32Array(size)
    this.gates.set(gates)
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

  /** Adds a token, and returns its number. The id is absent if the trace does not have it. */
  addToken({ id, isPrompt }: { id?: number; isPrompt: boolean }): number {
    if (isPrompt && this.prompt < this.length) this.fail('a token of the prompt follows one of the answer')
    if (this.length >= MOST_TRACED.tokens) this.fail(`more than ${MOST_TRACED.tokens} tokens`)
    if (isPrompt) this.prompt++
    if (id !== undefined) this.tokens.push(id)
    return this.length++
  }

  /** Adds the experts of a token. Within a layer, tokens come in their order. */
  add(token: number, { kind, layer, ids, gates }: Choice): void {
    const column = this.column(kind, layer, ids.length, gates !== undefined)
    const where = `layer ${layer}, ${kind}`
    if (token < column.tokens) this.fail(`${where}: experts of this token come twice`)
    if (ids.length !== column.k)
      this.fail(`${where}: ${ids.length} experts of a token, and ${column.k} of those before`)
    if ((gates !== undefined) !== (column.gates !== undefined)) this.fail(`${where}: only some tokens have gates`)
    for (const id of ids) {
      if (!isIndex(id, MOST_TRACED.experts)) {
        this.fail(`${where}: an expert must be a number from 0 to ${MOST_TRACED.experts - 1}, not ${id}`)
      }
    }
    if (gates && !gates.every(Number.isFinite)) this.fail(`${where}: a gate is not a number`)
    this.choices += ids.length * (token + 1 - column.tokens)
    if (this.choices > MOST_TRACED.choices) this.fail(`more than ${MOST_TRACED.choices} choices of experts`)
    if (token > column.tokens) column.skipTo(token)
    column.push(ids, gates)
  }

  finish(): TracedText {
    const { length, prompt, tokens } = this
    if (length === 0 || this.columns.size === 0) this.fail('there are no experts in it')
    const columns = [...this.columns.values()].sort((a, b) => a.layer - b.layer || (a.kind < b.kind ? -1 : 1))
    const layers = columns.map((column) => {
      const { kind, layer, k } = column
      if (column.tokens < length) column.skipTo(length)
      const [ids, gates] = [column.ids.subarray(0, length * k), column.gates?.subarray(0, length * k)]
      return { kind, layer, k, ids, ...(gates && { gates }) }
    })
    return { length, prompt, ...(tokens.length === length && { tokens }), layers }
  }

  private column(kind: MixtureKind, layer: number, k: number, hasGates: boolean): Column {
    const name = `${kind} ${layer}`
    const known = this.columns.get(name)
    if (known) return known
    if (!isIndex(layer, MOST_TRACED.layers)) {
      this.fail(`a layer must be a number from 0 to ${MOST_TRACED.layers - 1}, not ${layer}`)
    }
    if (k < 1 || k > MOST_TRACED.k) this.fail(`layer ${layer}: a token has ${k} experts, not 1 to ${MOST_TRACED.k}`)
    const column = new Column(kind, layer, k, hasGates)
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
