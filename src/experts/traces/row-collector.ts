import { UserError } from '../../errors.js'
import { MIXTURE_KINDS, type MixtureKind } from '../../model/config.js'
import { printable } from '../../printable.js'
import { type TracedText, TracedTextBuilder } from './traced-text.js'

/** One expert that one token chose, as a row of a trace has it. */
export interface TraceRow {
  /** Number of the token; negative for those of a prompt. */
  index: number
  /** Id and text of the token. */
  token?: number
  text?: string
  isPrompt: boolean
  layer: number
  kind: string
  expert: number
  gate?: number
}

/** Puts rows together to the choices of tokens. Rows of one token, layer and kind follow each other. */
export class RowCollector {
  /** Texts of tokens by their ids. */
  readonly words = new Map<number, string>()
  private readonly builder: TracedTextBuilder
  private readonly numbers = new Map<number, number>()
  private row?: TraceRow
  private ids: number[] = []
  private gates: number[] = []

  constructor(private readonly place: () => string) {
    this.builder = new TracedTextBuilder(place)
  }

  add(row: TraceRow): void {
    const last = this.row
    if (last && (row.index !== last.index || row.layer !== last.layer || row.kind !== last.kind)) this.flush()
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
    const { kind, layer } = row
    if (!isKind(kind))
      throw new UserError(`${this.place()}: the kind of an expert is attention or mlp, not '${printable(kind)}'`)
    if (gates.length > 0 && gates.length < ids.length) {
      throw new UserError(`${this.place()}: only some experts have gates`)
    }
    this.builder.add(this.numberOf(row), { kind, layer, ids, ...(gates.length > 0 && { gates }) })
    this.row = undefined
    this.ids = []
    this.gates = []
  }

  private numberOf({ index, token, text, isPrompt }: TraceRow): number {
    const known = this.numbers.get(index)
    if (known !== undefined) return known
    const number = this.builder.addToken({ id: token, isPrompt })
    this.numbers.set(index, number)
    if (token !== undefined && text !== undefined) this.words.set(token, text)
    return number
  }
}

function isKind(kind: string): kind is MixtureKind {
  return (MIXTURE_KINDS as readonly string[]).includes(kind)
}
