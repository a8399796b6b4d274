import { Job } from '../abi/control.js'
import { DecaysArg, RECURRENCE_COLUMNS, RecurrenceArg } from '../abi/states.js'
import type { Bank } from '../memory/bank.js'
import type { Rows } from '../memory/rows.js'
import { Call } from './call.js'
import { LEAST_WORK, rowsPerChunk } from './chunks.js'

export interface RecurrenceShape {
  /** Queries and keys [T, keyHeads, keySize], and values [T, heads, valueSize], in columns of the same rows. */
  queries: Rows
  keys: Rows
  values: Rows
  /** Each serves heads / keyHeads heads: neighbours, or if `isTiled` heads that are keyHeads apart. */
  keyHeads: number
  isTiled?: boolean
  heads: number
  keySize: number
  valueSize: number
  /** Whether a value is corrected by what the state says of its key (the delta rule). */
  isDelta: boolean
  /** [T, heads], or [T, heads, keySize] if each row of a state has its own decay. */
  decays: Rows
  isByRow?: boolean
  /** [T, heads] */
  gains: Rows
  /** [T, heads, valueSize] */
  output: Rows
  /** Bytes before these heads' states in a sequence's state. */
  stateOffset: number
}

/** Recurrence of heads whose state is a matrix: S = d S + k e^T, o = S^T q + skip v (assembly/recurrence.ts). */
export class Recurrence extends Call<typeof RecurrenceArg> {
  private readonly blocks: number
  private readonly keySize: number

  constructor(
    bank: Bank,
    {
      queries,
      keys,
      values,
      decays,
      gains,
      output,
      isDelta,
      isTiled = false,
      isByRow = false,
      ...sizes
    }: RecurrenceShape,
    private readonly threads: number,
  ) {
    super(bank, Job.recurrence, RecurrenceArg)
    this.blocks = sizes.heads * Math.ceil(sizes.valueSize / RECURRENCE_COLUMNS)
    this.keySize = sizes.keySize
    this.bind({
      ...sizes,
      queries: queries.address,
      keys: keys.address,
      values: values.address,
      stride: queries.strideBytes,
      isDelta: Number(isDelta),
      isTiled: Number(isTiled),
      decays: decays.address,
      decayStride: decays.strideBytes,
      isByRow: Number(isByRow),
      gains: gains.address,
      gainStride: gains.strideBytes,
      output: output.address,
      outputStride: output.strideBytes,
    })
  }

  /**
   * Runs the first `count` segments of the table at address `table` (see writeSegment), with `rows` rows in all. `skips`
   * is the address of the heads' factors of values in the output; 0 for none.
   */
  run(table: number, count: number, rows: number, skips = 0): void {
    const { blocks, keySize, threads } = this
    const least = LEAST_WORK / (3 * rows * keySize * RECURRENCE_COLUMNS)
    const chunkBlocks = threads === 1 ? blocks : Math.ceil(Math.max(blocks / (threads * 8), least))
    this.set(RecurrenceArg.segments, table)
    this.set(RecurrenceArg.count, count)
    this.set(RecurrenceArg.skips, skips)
    this.set(RecurrenceArg.chunkBlocks, chunkBlocks)
    this.start(Math.ceil(blocks / chunkBlocks))
  }
}

export function recurrenceStateFloats(heads: number, keySize: number, valueSize: number): number {
  return heads * keySize * Math.ceil(valueSize / RECURRENCE_COLUMNS) * RECURRENCE_COLUMNS
}

/**
 * Decays of states that forget row by row, from products in `rows` [T, heads, keySize] (assembly/decays.ts). `bound` is
 * the logarithm of the least decay; 0 for none.
 */
export class Decays extends Call<typeof DecaysArg> {
  constructor(
    bank: Bank,
    rows: Rows,
    private readonly heads: number,
    bound: number,
    private readonly threads: number,
  ) {
    super(bank, Job.decays, DecaysArg)
    const keySize = rows.columns / heads
    this.bind({ rows: rows.address, stride: rows.strideBytes, heads, keySize }, { bound })
  }

  /** `rates` and `biases` are addresses of a negative number for each head, and of one for each channel. */
  run(tokens: number, rates: number, biases: number): void {
    const count = tokens * this.heads
    const chunkHeads = rowsPerChunk(count, this.threads)
    this.set(DecaysArg.count, tokens)
    this.set(DecaysArg.rates, rates)
    this.set(DecaysArg.biases, biases)
    this.set(DecaysArg.chunkHeads, chunkHeads)
    this.start(Math.ceil(count / chunkHeads))
  }
}
