import { Job } from '../abi/control.js'
import { WeightCode } from '../abi/formats.js'
import { EmbeddingArg } from '../abi/products.js'
import type { Bank } from '../memory/bank.js'
import type { WeightFormat } from '../memory/formats.js'
import type { Rows } from '../memory/rows.js'
import { Call } from './call.js'

export class Embedding extends Call<typeof EmbeddingArg> {
  /** `ids` is the address of the token ids, u32 [T]; their rows, times `scale`, are written to `output` [T, d]. */
  constructor(bank: Bank, format: WeightFormat, ids: number, output: Rows, scale = 1) {
    super(bank, Job.embedding, EmbeddingArg)
    this.bind({ format: WeightCode[format], columns: output.stride, ids, output: output.address }, { scale })
  }

  /** `table` is the address of the packed table. */
  run(table: number, tokens: number): void {
    this.set(EmbeddingArg.table, table)
    this.set(EmbeddingArg.tokens, tokens)
    this.start(1)
  }
}
