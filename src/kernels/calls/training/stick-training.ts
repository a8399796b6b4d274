import { Job } from '../../abi/control.js'
import { StickArg, StickPhase } from '../../abi/training.js'
import type { Bank } from '../../memory/bank.js'
import { padded, roundUp } from '../../memory/formats.js'
import type { Rows } from '../../memory/rows.js'
import { Call } from '../call.js'

export interface StickTrainingShape {
  /** Queries [T * k, A]. */
  q: Rows
  /** Outputs, laid out as the queries; their records are written if they have any. */
  o: Rows
  /** Gradients of the outputs, laid out as the outputs. */
  dOutputs: Rows
  /** Gradients of the queries, laid out as the queries. */
  dq: Rows
  /** [T, A]; values are laid out as keys and may be the same rows. */
  keys: Rows
  values: Rows
  /** Gradients of keys and of values [T, A]. If K = V they are the same rows, and both gradients are added up. */
  dKeys: Rows
  dValues: Rows
  heads: number
  k: number
  /** Remaining length of the stick below which older keys are not visited. */
  enough: number
  maxSequence: number
}

/** Stick-breaking attention over whole sequences, forward and backward. */
export class StickTraining extends Call<typeof StickArg> {
  private readonly depths: number

  constructor(
    bank: Bank,
    private readonly shape: StickTrainingShape,
    private readonly threads: number,
  ) {
    super(bank, Job.stickTraining, StickArg)
    const { q, keys, dKeys, heads, k, enough, maxSequence } = shape
    const units = maxSequence * k * heads
    // Two floats per key.
    const weightBytes = 8 * roundUp(maxSequence + 1, 4)
    this.depths = bank.arena.allocate(units * 4)
    this.bind(
      {
        stride: q.strideBytes,
        keyStride: keys.strideBytes,
        dStride: dKeys.strideBytes,
        channels: q.columns,
        heads,
        k,
        padded: padded(q.columns),
        weights: bank.arena.allocate(units * weightBytes),
        weightBytes,
        depths: this.depths,
      },
      { scale: 1 / Math.sqrt(q.columns / heads), enough },
    )
  }

  /** Computes the outputs of the sequence of `tokens` tokens from row `first` on. */
  forward(first: number, tokens: number): void {
    const { o, k, heads } = this.shape
    this.enter(first, tokens)
    this.share(StickPhase.forward, tokens * k * heads)
    if (!o.hasRecords) return
    this.set(StickArg.records, o.records + first * k * o.recordBytes)
    this.set(StickArg.recordStride, o.recordBytes)
    this.share(StickPhase.records, tokens * k)
  }

  /** Computes gradients of queries, keys and values. The last call must have been `forward` of the same sequence. */
  backward(first: number, tokens: number): void {
    const { k, heads } = this.shape
    this.enter(first, tokens)
    const { dOutputs } = this.shape
    this.set(StickArg.o, dOutputs.address + first * k * dOutputs.strideBytes)
    this.set(StickArg.deepest, this.deepest(tokens * k * heads))
    this.share(StickPhase.queries, tokens * k * heads)
    this.share(StickPhase.keys, tokens * heads)
  }

  private enter(first: number, tokens: number): void {
    const { q, o, dq, keys, values, dKeys, dValues, k } = this.shape
    const at = ({ address, strideBytes }: Rows, row: number) => address + row * strideBytes
    this.set(StickArg.q, at(q, first * k))
    this.set(StickArg.o, at(o, first * k))
    this.set(StickArg.dq, at(dq, first * k))
    this.set(StickArg.keys, at(keys, first))
    this.set(StickArg.values, at(values, first))
    this.set(StickArg.dKeys, at(dKeys, first))
    this.set(StickArg.dValues, at(dValues, first))
    this.set(StickArg.tokens, tokens)
  }

  private share(phase: StickPhase, units: number): void {
    const chunkUnits = this.threads === 1 ? units : Math.max(1, Math.floor(units / (this.threads * 8)))
    this.set(StickArg.phase, phase)
    this.set(StickArg.chunkUnits, chunkUnits)
    this.start(Math.ceil(units / chunkUnits))
  }

  private deepest(units: number): number {
    const { u32 } = this.bank
    let most = 0
    for (let i = 0; i < units; i++) most = Math.max(most, u32[this.depths / 4 + i])
    return most
  }
}
