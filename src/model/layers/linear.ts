import { allocateGroups, writeGroup } from '../../kernels/calls/groups.js'
import { Matmul, type MatmulShape } from '../../kernels/calls/matmul.js'
import type { Workspace } from './workspace.js'

/** A product with one matrix for all rows of the batch: y = W x + b, row t in, row t out. */
export class Linear {
  private readonly matmul: Matmul
  private readonly table: number

  /** `list` is the address of a list of rows. Default: every row to itself. */
  constructor(
    private readonly workspace: Workspace,
    shape: MatmulShape,
    private readonly list = workspace.everyRow,
  ) {
    this.matmul = new Matmul(workspace.bank, shape, workspace.threads)
    this.table = allocateGroups(workspace.bank, 1)
  }

  /** `weight` and `bias` are addresses; a bias of 0 is no bias. */
  run(rows: number, weight: number, bias = 0): void {
    writeGroup(this.workspace.bank, this.table, 0, weight, bias, this.list, rows)
    this.matmul.run(this.table, 1, rows)
  }
}
