import { openMailbox } from '../../ground/platform/threads.js'
import { instantiate, type KernelExports } from '../memory/bank.js'
import { Control, HOME } from '../memory/control.js'

/** First and only message from the pool to a helper thread. */
export interface HelperData {
  module: WebAssembly.Module
  memories: WebAssembly.Memory[]
  thread: number
}

/** Takes part in the jobs of one bank until it is sent to another bank, or home. */
function live({ module, memories, thread }: HelperData): void {
  const kernels: KernelExports[] = memories.map((memory) => instantiate(module, memory, thread))
  const controls = memories.map((memory) => new Control(memory))
  const seen = memories.map(() => 0)
  for (let bank = 0; bank !== HOME; bank = controls[bank].destination) seen[bank] = kernels[bank].help(seen[bank])
}

openMailbox<HelperData, never>().listenOnce(live)
