import { Job } from '../abi/control.js'
import type { Bank } from '../memory/bank.js'
import { HOME } from '../memory/control.js'
import type { HelperData } from './helper-thread.js'
import { type Helper, takeHelper } from './spawn-helpers.js'

/** Maximum wait for helpers to end by themselves; one that the system has suspended takes some milliseconds. */
const PATIENCE_MS = 2000

/** Helper threads of one engine, all in the same bank as the leader, which is the thread that creates the pool. */
export class Pool {
  private readonly helpers: Helper[] = []
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
      helper.thread.postMessage(data)
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
