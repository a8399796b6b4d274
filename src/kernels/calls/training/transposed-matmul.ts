import { Job } from '../../abi/control.js'
import { WeightCode } from '../../abi/formats.js'
import { PANEL_BYTES, TransposedArg } from '../../abi/training.js'
import type { Bank } from '../../memory/bank.js'
import { padded, type WeightFormat } from '../../memory/formats.js'
import type { Rows } from '../../memory/rows.js'
import { Call } from '../call.js'
import { tileRowsPerChunk } from '../chunks.js'

export interface TransposedMatmulShape {
  /** Format of the packed matrices; each has the shape [input.columns, output.columns]. */
  format: WeightFormat
  /** Gradients of the product's outputs, floats. */
  input: Rows
  /** Gradients of its inputs, floats. */
  output: Rows
  /** Whether the product is added to the output. Default: false. */
  adds?: boolean
  /** Address of PANEL_BYTES of scratch per thread (see allocatePanels). */
  panels: number
}

/** Grouped product with the transposes of packed matrices: dx = W^T dy. */
export class TransposedMatmul extends Call<typeof TransposedArg> {
  private readonly columns: number

  constructor(
    bank: Bank,
    { format, input, output, adds = false, panels }: TransposedMatmulShape,
    private readonly threads: number,
  ) {
    super(bank, Job.transposedMatmul, TransposedArg)
    this.columns = padded(output.columns)
    this.bind({
      format: WeightCode[format],
      columns: output.columns,
      rows: input.columns,
      input: input.address,
      inputStride: input.strideBytes,
      output: output.address,
      outputStride: output.strideBytes,
      adds: adds ? 1 : 0,
      panels,
    })
  }

  /** Runs the first `groups` groups of the table at address `table` (see writeGroup). */
  run(table: number, groups: number): void {
    if (groups === 0) return
    const chunkColumns = tileRowsPerChunk(this.columns, groups, this.threads)
    const chunksPerGroup = Math.ceil(this.columns / chunkColumns)
    this.set(TransposedArg.groups, table)
    this.set(TransposedArg.chunksPerGroup, chunksPerGroup)
    this.set(TransposedArg.chunkColumns, chunkColumns)
    this.start(groups * chunksPerGroup)
  }
}

/** Allocates the scratch for unpacked weights, which all transposed products of a bank share; returns its address. */
export function allocatePanels(bank: Bank, threads: number): number {
  return bank.arena.allocate(PANEL_BYTES * threads)
}
