import { Job } from '../abi/control.js'
import { GatedRowsArg, GateKind } from '../abi/rows.js'
import type { Bank } from '../memory/bank.js'
import type { Rows } from '../memory/rows.js'
import { Call, recordsOf } from './call.js'
import { rowsPerChunk } from './chunks.js'

export interface GatedRowsShape {
  /** Rows [T, n], changed in place; their records are written if they have any. */
  rows: Rows
  /** Gates z [T, n], or plain ones [T, n / perGate] for `perGate` columns each (default: 1). Default: none. */
  gates?: Rows
  /** Default: sigmoid. */
  kind?: keyof typeof GateKind
  perGate?: number
  /** RMSNorm over each `span` channels, with the same weights, or `apart` with weights of their own. Default: no norm. */
  norm?: { span: number; epsilon: number; apart?: boolean }
  /** Whether the gate comes before the norm. Default: after it. */
  gatesFirst?: boolean
}

/** Norm and gate of rows: o = norm(o) g(z), or norm(o g(z)). With neither, their records alone. */
export class GatedRows extends Call<typeof GatedRowsArg> {
  constructor(
    bank: Bank,
    { rows, gates, kind = 'sigmoid', perGate = 1, norm, gatesFirst = false }: GatedRowsShape,
    private readonly threads: number,
  ) {
    super(bank, Job.gatedRows, GatedRowsArg)
    this.bind(
      {
        rows: rows.address,
        stride: rows.strideBytes,
        columns: rows.columns,
        ...(gates && { gates: gates.address, gateStride: gates.strideBytes }),
        kind: GateKind[kind],
        perGate,
        span: norm?.span ?? 0,
        weightStep: norm?.apart ? 4 * norm.span : 0,
        gatesFirst: Number(gatesFirst),
        ...recordsOf(rows),
      },
      { epsilon: norm?.epsilon ?? 0 },
    )
  }

  /** `weight` is the address of the norm's vector. */
  run(tokens: number, weight = 0): void {
    const chunkRows = rowsPerChunk(tokens, this.threads)
    this.set(GatedRowsArg.weight, weight)
    this.set(GatedRowsArg.count, tokens)
    this.set(GatedRowsArg.chunkRows, chunkRows)
    this.start(Math.ceil(tokens / chunkRows))
  }
}
