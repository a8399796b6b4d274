import { UserError } from '../../../ground/errors.js'
import { RUNTIME_FAULT } from '../../../ground/platform/process.js'
import { startThread, type Thread } from '../../../ground/platform/threads.js'
import { prepareToCompile } from '../../../kernels/compiler/compile.js'

let ahead: Thread | undefined

/** Starts the thread of the next engine, which loads its code meanwhile, and does not keep the process alive. */
export function startThreadAhead(): void {
  if (ahead || RUNTIME_FAULT) return
  ahead = startEngineThread()
  ahead.unref()
  // The next engine then starts another thread, and reports its error.
  ahead.once('error', () => (ahead = undefined))
}

/** A thread for a new engine: the one started ahead, or else a new one. Throws a UserError if none can run here. */
export function takeThread(): Thread {
  if (RUNTIME_FAULT) throw new UserError(RUNTIME_FAULT)
  const thread = ahead ?? startEngineThread()
  thread.removeAllListeners('error')
  thread.ref()
  ahead = undefined
  return thread
}

function startEngineThread(): Thread {
  prepareToCompile()
  return startThread(new URL('../../../bundle/worker.js', import.meta.url))
}
