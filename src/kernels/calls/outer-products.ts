import { Job } from '../abi/control.js'
import { TILE_ROWS } from '../abi/formats.js'
import { ListEntry, OuterArg } from '../abi/products.js'
import type { Bank } from '../memory/bank.js'
import { padded, roundUp } from '../memory/formats.js'
import type { Rows } from '../memory/rows.js'
import { Call } from './call.js'
import { tileRowsPerChunk } from './chunks.js'

/** Rows of activations, and the field of a list's entries (writeListEntry) that holds their number. */
export interface ListedRows {
  rows: Rows
  by: keyof typeof ListEntry
}

/** Gradients of matrices, in f32 tiles: G += sum of dy x^T. */
export class OuterProducts extends Call<typeof OuterArg> {
  private readonly rows: number

  /** `outputs` are the gradients dy of the matrices' outputs, `inputs` the inputs x. */
  constructor(
    bank: Bank,
    outputs: ListedRows,
    inputs: ListedRows,
    private readonly threads: number,
  ) {
    super(bank, Job.outerProducts, OuterArg)
    this.rows = roundUp(outputs.rows.columns, TILE_ROWS)
    this.bind({
      columns: padded(inputs.rows.columns),
      rows: outputs.rows.columns,
      outputs: outputs.rows.address,
      outputStride: outputs.rows.strideBytes,
      outputField: ListEntry[outputs.by],
      inputs: inputs.rows.address,
      inputStride: inputs.rows.strideBytes,
      inputField: ListEntry[inputs.by],
    })
  }

  /** Runs the first `groups` groups of the table at address `table`, whose matrices are the gradients. */
  run(table: number, groups: number): void {
    if (groups === 0) return
    const chunkRows = tileRowsPerChunk(this.rows, groups, this.threads)
    const chunksPerGroup = Math.ceil(this.rows / chunkRows)
    this.set(OuterArg.groups, table)
    this.set(OuterArg.chunksPerGroup, chunksPerGroup)
    this.set(OuterArg.chunkRows, chunkRows)
    this.start(groups * chunksPerGroup)
  }
}
