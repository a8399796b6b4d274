import { endThread, type Thread } from '../../ground/platform/threads.js'
import { Job } from '../abi/control.js'
import type { Bank } from '../memory/bank.js'
import { HOME } from '../memory/control.js'
import type { HelperData } from './helper-thread.js'
import { takeHelper } from './spawn-helpers.js'

/** Maximum wait for helpers to end by themselves; one that the system has suspended takes some milliseconds. */
const PATIENCE_MS = 2000

/** Helper threads of one engine, all in the same bank as the leader, which is the thread that creates the pool. */
export class Pool {
  private readonly helpers: Thread[] = []
  private current = 0

  /** Starts `threads - 1` helpers. Jobs can run before they have started, because the leader also claims chunks. */
  constructor(
    private readonly banks: Bank[],
    readonly threads: number,
  ) {
    const memories = banks.map((bank) => bank.memory)
    for (const bank of banks) bank.control.helpers = threads - 1
    for (let thread = 1; thread < threads; thread++) {
      const data: HelperData = { module: banks[0].module, memories, thread }
      const helper = takeHelper()
      helper.postMessage(data)
      this.helpers.push(helper)
    }
  }

  /** Moves all helpers to another bank, which first gets a new epoch, so that they find no old `leave` there. */
  enter(bank: number): void {
    if (bank === this.current) return
    if (this.helpers.length > 0) {
      this.banks[bank].kernels.publish(Job.nothing, 0)
      this.leave(bank)
    }
    this.current = bank
  }

  async close(): Promise<void> {
    const helpers = this.helpers.splice(0)
    if (helpers.length === 0) return
    this.leave(HOME)
    await Promise.all(helpers.map((helper) => endThread(helper, PATIENCE_MS)))
  }

  private leave(destination: number): void {
    const here = this.banks[this.current]
    here.control.destination = destination
    here.kernels.publish(Job.leave, 0)
  }
}
