import { exp, log } from '../../ground/elementary.js'
import { Job } from '../abi/control.js'
import { PEAK_LOGITS, SUMMARY_BYTES, SummaryArg, SummaryField } from '../abi/measures.js'
import type { Bank } from '../memory/bank.js'
import { Rows } from '../memory/rows.js'
import { Call } from './call.js'

/** Summary of a row of logits: the id of the largest (the lowest id among equals), and log(sum(e^logit)). */
export interface LogitSummary {
  argmax: number
  logSumExp: number
}

/** The largest of each `span` neighbouring logits, NaN ignored. */
export interface LogitPeaks {
  span: number
  values: Float32Array
}

/** Logits of a chunk. Their number does not depend on the number of threads, and so neither does the result. */
const CHUNK = 4096

/** Largest and log-sum-exp of rows of logits. */
export class Summary extends Call<typeof SummaryArg> {
  private readonly chunksPerRow: number
  private readonly results: number
  private readonly peaks: Rows

  constructor(bank: Bank, logits: Rows) {
    super(bank, Job.summary, SummaryArg)
    this.chunksPerRow = Math.ceil(logits.columns / CHUNK)
    this.results = bank.arena.allocate(logits.count * this.chunksPerRow * SUMMARY_BYTES)
    this.peaks = Rows.allocate(bank, logits.count, Math.ceil(logits.columns / PEAK_LOGITS))
    this.bind({
      rows: logits.address,
      stride: logits.strideBytes,
      count: logits.columns,
      chunkCount: CHUNK,
      chunksPerRow: this.chunksPerRow,
      results: this.results,
      peaks: this.peaks.address,
      peakStride: this.peaks.strideBytes,
    })
  }

  /** Summarises the first `rows` rows in one job, because a small vocabulary has work for only one thread. */
  run(rows: number): void {
    this.start(rows * this.chunksPerRow)
  }

  /** Summary of a row of the last run; undefined if a logit is infinite or none is a number. */
  of(row: number): LogitSummary | undefined {
    const { bank, chunksPerRow } = this
    const first = row * chunksPerRow
    let best = first
    for (let c = first; c < first + chunksPerRow; c++) if (this.largest(c) > this.largest(best)) best = c
    const largest = this.largest(best)
    let sum = 0
    for (let c = first; c < first + chunksPerRow; c++) {
      sum += bank.f64[this.at(c, SummaryField.sum) / 8] * exp(this.largest(c) - largest)
    }
    const logSumExp = largest + log(sum)
    const argmax = bank.u32[this.at(best, SummaryField.index) / 4]
    return Number.isFinite(logSumExp) ? { argmax, logSumExp } : undefined
  }

  /** Peaks of a row of the last run, valid until the next. */
  peaksOf(row: number): LogitPeaks {
    return { span: PEAK_LOGITS, values: this.peaks.row(row) }
  }

  private largest(chunk: number): number {
    return this.bank.f32[this.at(chunk, SummaryField.largest) / 4]
  }

  private at(chunk: number, field: SummaryField): number {
    return this.results + chunk * SUMMARY_BYTES + field
  }
}
