import type { Worker } from 'node:worker_threads'
import { Job } from './abi.js'
import type { Bank } from './bank.js'
import { HOME } from './control.js'
import type { HelperData } from './helper-thread.js'
import { takeHelper } from './helpers.js'

/**
 * The helper threads of one engine, all in the same bank as the leader at any time. The thread that creates the pool is
 * the leader.
 */
export class Pool {
  private readonly workers: Worker[] = []
  private current = 0

  /** Starts `threads - 1` helpers on the banks. They need not have started for jobs to run: the leader claims too. */
  constructor(
    private readonly banks: Bank[],
    readonly threads: number,
  ) {
    const memories = banks.map((bank) => bank.memory)
    for (const bank of banks) bank.control.helpers = threads - 1
    for (let thread = 1; thread < threads; thread++) {
      const data: HelperData = { module: banks[0].module, memories, thread }
      const worker = takeHelper()
      worker.postMessage(data)
      this.workers.push(worker)
    }
  }

  /** Moves all helpers to another bank. The target gets a new epoch first, so that no old farewell is found there. */
  enter(bank: number): void {
    if (bank === this.current) return
    if (this.workers.length > 0) {
      this.banks[bank].kernels.publish(Job.nothing, 0)
      this.leave(bank)
    }
    this.current = bank
  }

  /** Ends the helpers; resolves when their threads are gone. */
  async close(): Promise<void> {
    if (this.workers.length === 0) return
    const exits = this.workers.map((worker) => new Promise((resolve) => worker.once('exit', resolve)))
    this.leave(HOME)
    await Promise.all(exits)
    this.workers.length = 0
  }

  private leave(destination: number): void {
    const here = this.banks[this.current]
    here.control.destination = destination
    here.kernels.publish(Job.leave, 0)
  }
}
