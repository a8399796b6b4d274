import { ARGUMENTS, type Job } from '../abi/control.js'
import type { Bank } from '../memory/bank.js'
import type { Rows } from '../memory/rows.js'

/** Values of arguments by their names in an enum of abi/. */
type Values<Args> = { [Name in keyof Args]?: number }

/**
 * Typed call of a kernel. It is bound once to its shapes and buffers and then run for every step: a run sets the
 * arguments that differ, puts all of them into the bank's control block and runs the job. A run allocates nothing.
 * `Args` is the enum of abi/ that numbers the arguments.
 */
export abstract class Call<Args extends object> {
  private readonly words = new Uint32Array(ARGUMENTS)
  private readonly floats = new Float32Array(this.words.buffer)

  constructor(
    protected readonly bank: Bank,
    private readonly job: Job,
    private readonly args: Args,
  ) {}

  /**
   * Sets the arguments that are the same in every run: `words` are whole numbers, addresses and codes; the kernel reads
   * `floats` as f32. All others are 0 until they are set.
   */
  protected bind(words: Values<Args>, floats: Values<Args> = {}): void {
    for (const name in words) this.words[this.args[name] as number] = words[name] as number
    for (const name in floats) this.floats[this.args[name] as number] = floats[name] as number
  }

  /** Sets an argument until it is set again: a whole number, an address or a code. */
  protected set(arg: Args[keyof Args] & number, value: number): void {
    this.words[arg] = value
  }

  /** Sets an argument that the kernel reads as f32. */
  protected setFloat(arg: Args[keyof Args] & number, value: number): void {
    this.floats[arg] = value
  }

  /** Runs the job on all threads; returns when it is finished. */
  protected start(chunks: number): void {
    const { words } = this
    const { args } = this.bank.control
    for (let i = 0; i < ARGUMENTS; i++) args[i] = words[i]
    this.bank.run(this.job, chunks)
  }
}

/** Arguments of a kernel that writes the records of its output, if the output has any. */
export function recordsOf(output: Rows): { records?: number; recordStride?: number } {
  return output.hasRecords ? { records: output.records, recordStride: output.recordBytes } : {}
}
