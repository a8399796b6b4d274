import { Job } from '../abi/control.js'
import type { Bank } from '../memory/bank.js'
import { HOME } from '../memory/control.js'
import type { HelperData } from './helper-thread.js'
import { type Helper, takeHelper } from './spawn-helpers.js'

/** Longest wait for helpers to end by themselves; a thread that is set aside by the system takes some milliseconds. */
const PATIENCE_MS = 2000

/**
 * The helper threads of one engine, all in the same bank as the leader at any time. The thread that creates the pool is
 * the leader.
 */
export class Pool {
  private readonly helpers: Helper[] = []
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
      const helper = takeHelper()
      helper.thread.postMessage(data)
      this.helpers.push(helper)
    }
  }

  /** Moves all helpers to another bank. The target gets a new epoch first, so that no old farewell is found there. */
  enter(bank: number): void {
    if (bank === this.current) return
    if (this.helpers.length > 0) {
      this.banks[bank].kernels.publish(Job.nothing, 0)
      this.leave(bank)
    }
    this.current = bank
  }

  /** Ends the helpers; resolves when their threads are gone. */
  async close(): Promise<void> {
    const helpers = this.helpers.splice(0)
    if (helpers.length === 0) return
    this.leave(HOME)
    let timer: ReturnType<typeof setTimeout> | undefined
    const patience = new Promise((resolve) => {
      timer = setTimeout(resolve, PATIENCE_MS)
    })
    const gone = Promise.all(helpers.map(({ gone }) => gone))
    await Promise.race([gone, patience])
    clearTimeout(timer)
    await Promise.all(helpers.map(({ thread }) => thread.terminate()))
  }

  private leave(destination: number): void {
    const here = this.banks[this.current]
    here.control.destination = destination
    here.kernels.publish(Job.leave, 0)
  }
}
