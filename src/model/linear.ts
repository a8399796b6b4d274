import type { Bank } from '../runtime/bank.js'
import { allocateGroups, Matmul, type MatmulShape, writeGroup } from '../runtime/kernels/matmul.js'

/** A product with one matrix for all rows of the batch: y = W x + b, row t in, row t out. */
export class Linear {
  private readonly matmul: Matmul
  private readonly table: number

  constructor(
    private readonly bank: Bank,
    shape: MatmulShape,
    /** Address of the list that says which row goes where (see groups.ts). */
    private readonly list: number,
    threads: number,
  ) {
    this.matmul = new Matmul(bank, shape, threads)
    this.table = allocateGroups(bank, 1)
  }

  /** `weight` and `bias` are addresses; a bias of 0 is none. */
  run(rows: number, weight: number, bias: number): void {
    writeGroup(this.bank, this.table, 0, weight, bias, this.list, rows)
    this.matmul.run(this.table, 1, rows)
  }
}
