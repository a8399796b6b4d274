import { ARGUMENTS, type Job } from '../abi/control.js'
import type { Bank } from '../memory/bank.js'

/**
 * A typed call is bound once to its shapes and buffers, and then run for every step: it puts its arguments (an enum of
 * abi/) into the bank's control block and runs the job. A run allocates nothing.
 */
export abstract class Call<Arg extends number> {
  private readonly words = new Uint32Array(ARGUMENTS)
  private readonly floats = new Float32Array(this.words.buffer)

  constructor(
    protected readonly bank: Bank,
    private readonly job: Job,
  ) {}

  /** Sets an argument until it is set again: a whole number, an address or a code. */
  protected set(arg: Arg, value: number): void {
    this.words[arg] = value
  }

  /** Sets an argument that the kernel reads as f32. */
  protected setFloat(arg: Arg, value: number): void {
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
