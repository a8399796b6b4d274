import { allocateGroups, writeGroup } from '../../../kernels/calls/groups.js'
import { TransposedMatmul, type TransposedMatmulShape } from '../../../kernels/calls/training/transposed-matmul.js'
import type { TrainingWorkspace } from './training-workspace.js'

/** Back through one matrix for all rows of the batch: dx = W^T dy, row t in, row t out. */
export class TransposedLinear {
  private readonly matmul: TransposedMatmul
  private readonly table: number

  constructor(
    private readonly workspace: TrainingWorkspace,
    shape: Omit<TransposedMatmulShape, 'panels'>,
    private readonly list = workspace.everyRow,
  ) {
    const { bank, threads, panels } = workspace
    this.matmul = new TransposedMatmul(bank, { ...shape, panels }, threads)
    this.table = allocateGroups(bank, 1)
  }

  /** `weight` is the address of the packed matrix. */
  run(rows: number, weight: number): void {
    writeGroup(this.workspace.bank, this.table, 0, weight, 0, this.list, rows)
    this.matmul.run(this.table, 1)
  }
}
