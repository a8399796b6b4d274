import { Address, ARGUMENTS } from '../abi/control.js'

/** Destination of helpers that are to end; any other is the number of a bank. */
export const HOME = -1

/**
 * Rounds that a thread spins before it sleeps: about 50 microseconds, longer than the leader works alone between two
 * jobs of a decode step, and far shorter than a time slice of the operating system.
 */
const SPIN_ROUNDS = 20_000

/** The host's view of the control block of one memory. The block is below the arena, so growing does not move it. */
export class Control {
  /** Arguments of the next job; an enum of abi/ numbers each call's arguments. */
  readonly args: Uint32Array
  private readonly words: Int32Array

  constructor(memory: WebAssembly.Memory) {
    this.args = new Uint32Array(memory.buffer, Address.args, ARGUMENTS)
    this.words = new Int32Array(memory.buffer, 0, Address.args / 4)
    Atomics.store(this.words, Address.spin / 4, SPIN_ROUNDS)
  }

  /** Number of helpers that take part in jobs. */
  set helpers(count: number) {
    Atomics.store(this.words, Address.helpers / 4, count)
  }

  /**
   * Destination of helpers after the job `leave`. Not an argument of the job, because a helper may read it late, when
   * the leader has already written the arguments of the next job.
   */
  get destination(): number {
    return Atomics.load(this.words, Address.destination / 4)
  }

  set destination(bank: number) {
    Atomics.store(this.words, Address.destination / 4, bank)
  }
}
