import type { LayerRoutes } from '../../api/routes.js'
import { routesByKind } from '../../engine/run/messages/route-codec.js'
import { UserError } from '../../ground/errors.js'
import { printable } from '../../ground/printable.js'
import { MIXTURE_KINDS, type MixtureKind } from '../../model/config/config.js'
import { type TracedText, TracedTextBuilder } from './traced-text.js'

/** One expert that one token woke: the columns of a trace, in their order. */
export interface TraceRow {
  /** Number of the token: from 0 for generated tokens, and negative for tokens of the prompt, whose last has -1. */
  index: number
  /** The token, which woke the expert when it was read. */
  token: number
  text: string
  layer: number
  kind: MixtureKind
  /** 0 for the expert with the largest gate of the layer. */
  rank: number
  expert: number
  gate?: number
}

export const TRACE_COLUMNS = ['index', 'token', 'text', 'layer', 'kind', 'rank', 'expert', 'gate'] as const

/** The rows of a token with its routes, one entry per layer. */
export function rowsOf(index: number, token: number, text: string, routes: readonly LayerRoutes[]): TraceRow[] {
  return routes.flatMap((experts, layer) =>
    routesByKind(experts).flatMap(({ kind, ids, gates }) =>
      Array.from(ids, (expert, rank) => ({ index, token, text, layer, kind, rank, expert, gate: gates[rank] })),
    ),
  )
}

/** Checks a row of a file. Throws a UserError, which `place` begins, if a value is not one of its column. */
export function rowOf(values: Record<string, unknown>, place: () => string): TraceRow {
  const fail = (name: string, what: string): never => {
    throw new UserError(`${place()}: ${name} must be ${what}, not "${printable(String(values[name]), 20)}"`)
  }
  const whole = (name: string) => {
    const value = values[name]
    return Number.isSafeInteger(value) ? (value as number) : fail(name, 'a whole number')
  }
  const { text, kind, gate } = values
  return {
    index: whole('index'),
    token: whole('token'),
    text: typeof text === 'string' ? text : fail('text', 'a text'),
    layer: whole('layer'),
    kind: MIXTURE_KINDS.find((known) => known === kind) ?? fail('kind', MIXTURE_KINDS.join(' or ')),
    rank: whole('rank'),
    expert: whole('expert'),
    ...(gate !== undefined && { gate: Number.isFinite(gate) ? (gate as number) : fail('gate', 'a number') }),
  }
}

/** Puts rows together to the choices of tokens. Rows of one token follow each other, and among them rows of one layer. */
export class TraceRows {
  /** Texts of tokens by their ids. */
  readonly words = new Map<number, string>()
  private readonly builder: TracedTextBuilder
  private number = -1
  private row?: TraceRow
  private ids: number[] = []
  private gates: number[] = []

  constructor(private readonly place: () => string) {
    this.builder = new TracedTextBuilder(place)
  }

  add(row: TraceRow): void {
    const last = this.row
    const isNew = row.index !== last?.index
    if (isNew || row.layer !== last.layer || row.kind !== last.kind) this.flush()
    if (last && row.index < last.index) throw new UserError(`${this.place()}: token ${row.index} follows ${last.index}`)
    if (isNew) {
      this.number = this.builder.addToken({ id: row.token, isPrompt: row.index < 0 })
      this.words.set(row.token, row.text)
    }
    this.row = row
    this.ids.push(row.expert)
    if (row.gate !== undefined) this.gates.push(row.gate)
  }

  finish(): TracedText {
    this.flush()
    return this.builder.finish()
  }

  private flush(): void {
    const { row, ids, gates } = this
    if (!row) return
    if (gates.length > 0 && gates.length < ids.length) {
      throw new UserError(`${this.place()}: only some experts have gates`)
    }
    const { kind, layer } = row
    this.builder.add(this.number, { kind, layer, ids, ...(gates.length > 0 && { gates }) })
    this.ids = []
    this.gates = []
  }
}
