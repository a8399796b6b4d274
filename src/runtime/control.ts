/** Addresses of the control block, as in assembly/control.ts. */
const HELPERS = 1344
const SPIN = 1348
const DESTINATION = 1352
export const ARGS = 1472

/** Kinds of jobs, as in assembly/jobs.ts; LEAVE sends the helpers back to their host, NOTHING only moves the epoch on. */
export const JOB = {
  LEAVE: 0,
  MATMUL: 1,
  NORM: 2,
  ATTENTION: 3,
  EMBEDDING: 4,
  PACK: 5,
  STREAM: 6,
  SUMMARY: 7,
  NOTHING: 99,
} as const

/** Where helpers go after LEAVE when they are to end; any other destination is the number of a bank. */
export const HOME = -1

/**
 * Rounds that a thread spins before it sleeps: about 50 microseconds, longer than the leader works alone between two
 * jobs of a decode step, and far shorter than a time slice of the operating system.
 */
const SPIN_ROUNDS = 20_000

/** The control block of one memory, seen from the host. It lies below the arena, so growing does not move it. */
export class Control {
  readonly args: Uint32Array
  readonly floatArgs: Float32Array
  private readonly words: Int32Array

  constructor(memory: WebAssembly.Memory) {
    this.args = new Uint32Array(memory.buffer, ARGS, 32)
    this.floatArgs = new Float32Array(memory.buffer, ARGS, 32)
    this.words = new Int32Array(memory.buffer, 0, ARGS / 4)
    Atomics.store(this.words, SPIN / 4, SPIN_ROUNDS)
  }

  /** How many helpers take part in jobs. */
  set helpers(count: number) {
    Atomics.store(this.words, HELPERS / 4, count)
  }

  /**
   * Where helpers go after LEAVE. Not an argument of the job: a helper may read it late, when the leader has come back
   * and written the next job's arguments.
   */
  get destination(): number {
    return Atomics.load(this.words, DESTINATION / 4)
  }

  set destination(bank: number) {
    Atomics.store(this.words, DESTINATION / 4, bank)
  }
}
