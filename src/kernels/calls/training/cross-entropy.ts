import { log } from '../../../ground/elementary.js'
import { Job } from '../../abi/control.js'
import { CROSS_ENTROPY_BYTES, CrossEntropyArg, CrossEntropyField } from '../../abi/training.js'
import type { Bank } from '../../memory/bank.js'
import type { Rows } from '../../memory/rows.js'
import { Call } from '../call.js'

/** Cross-entropy of rows of logits, and its gradient, which replaces the logits. */
export class CrossEntropy extends Call<typeof CrossEntropyArg> {
  private readonly targets: number
  private readonly weights: number
  private readonly results: number

  constructor(bank: Bank, logits: Rows) {
    super(bank, Job.crossEntropy, CrossEntropyArg)
    const { arena } = bank
    this.targets = arena.allocate(logits.count * 4)
    this.weights = arena.allocate(logits.count * 4)
    this.results = arena.allocate(logits.count * CROSS_ENTROPY_BYTES)
    this.bind({
      logits: logits.address,
      stride: logits.strideBytes,
      count: logits.columns,
      targets: this.targets,
      results: this.results,
    })
  }

  /** Sets the target of a row, and the factor of its gradient. */
  expect(row: number, target: number, weight: number): void {
    this.bank.u32[this.targets / 4 + row] = target
    this.bank.f32[this.weights / 4 + row] = weight
  }

  /** Sum of the cross-entropies of the first `rows` rows, in nats. With `gradient`, gradients replace the logits. */
  run(rows: number, gradient: boolean): number {
    const { bank, results } = this
    this.set(CrossEntropyArg.rows, rows)
    this.set(CrossEntropyArg.weights, gradient ? this.weights : 0)
    this.start(rows)
    let loss = 0
    for (let row = 0; row < rows; row++) {
      const at = results + row * CROSS_ENTROPY_BYTES
      const sum = bank.f64[(at + CrossEntropyField.sum) / 8]
      const largest = bank.f32[(at + CrossEntropyField.largest) / 4]
      loss += log(sum) + largest - bank.f32[(at + CrossEntropyField.target) / 4]
    }
    return loss
  }
}
