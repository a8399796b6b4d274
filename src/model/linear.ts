import type { Bank } from '../runtime/bank.js'
import { Matmul, type MatmulShape } from '../runtime/kernels.js'

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
    this.table = bank.arena.allocate(16)
  }

  /** `weight` and `bias` are addresses; a bias of 0 is none. */
  run(rows: number, weight: number, bias: number): void {
    const words = this.bank.u32
    const at = this.table / 4
    words[at] = weight
    words[at + 1] = bias
    words[at + 2] = this.list
    words[at + 3] = rows
    this.matmul.run(this.table, 1, rows)
  }
}
