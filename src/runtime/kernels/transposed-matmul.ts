import { Job } from '../abi/control.js'
import { TILE_ROWS, WeightCode } from '../abi/formats.js'
import { PANEL_BYTES, TransposedArg } from '../abi/training.js'
import type { Bank } from '../memory/bank.js'
import { padded, roundUp, type WeightFormat } from '../memory/formats.js'
import type { Rows } from '../memory/rows.js'
import { Call } from './call.js'

export interface TransposedMatmulShape {
  /** Format of the packed matrices, each [input.columns, output.columns] as it is packed. */
  format: WeightFormat
  /** Gradients of the product's outputs, floats. */
  input: Rows
  /** Gradients of its inputs, floats. */
  output: Rows
  /** Whether the product is added to what is there. Default false. */
  adds?: boolean
  /** Address of room for PANEL_BYTES of each thread (see allocatePanels). */
  panels: number
}

/** Grouped product with the transposes of packed matrices: dx = W^T dy. */
export class TransposedMatmul extends Call<TransposedArg> {
  private readonly columns: number

  constructor(
    bank: Bank,
    { format, input, output, adds = false, panels }: TransposedMatmulShape,
    private readonly threads: number,
  ) {
    super(bank, Job.transposedMatmul)
    this.columns = padded(output.columns)
    this.set(TransposedArg.format, WeightCode[format])
    this.set(TransposedArg.columns, this.columns)
    this.set(TransposedArg.rows, input.columns)
    this.set(TransposedArg.input, input.address)
    this.set(TransposedArg.inputStride, input.strideBytes)
    this.set(TransposedArg.output, output.address)
    this.set(TransposedArg.outputStride, output.strideBytes)
    this.set(TransposedArg.adds, adds ? 1 : 0)
    this.set(TransposedArg.panels, panels)
  }

  /** Runs the first `groups` groups of the table at address `table` (see writeGroup). */
  run(table: number, groups: number): void {
    if (groups === 0) return
    const { columns, threads } = this
    const share = (columns * groups) / (threads * 16)
    const chunkColumns = threads === 1 ? columns : Math.min(columns, roundUp(Math.max(share, 1), TILE_ROWS))
    const chunksPerGroup = Math.ceil(columns / chunkColumns)
    this.set(TransposedArg.groups, table)
    this.set(TransposedArg.chunksPerGroup, chunksPerGroup)
    this.set(TransposedArg.chunkColumns, chunkColumns)
    this.start(groups * chunksPerGroup)
  }
}

/** Address of the room for unpacked weights that transposed products of a bank share. */
export function allocatePanels(bank: Bank, threads: number): number {
  return bank.arena.allocate(PANEL_BYTES * threads)
}
