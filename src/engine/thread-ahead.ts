import { startThread, type Thread } from '../platform/threads.js'
import { prepareToCompile } from '../runtime/compiler/compile.js'

/** The thread of an engine to come. */
let ahead: Thread | undefined

/**
 * Starts the thread of the next engine: it reads the engine's code while the caller is still looking for a model. The
 * process does not wait for it if no engine comes.
 */
export function startThreadAhead(): void {
  if (ahead) return
  ahead = startEngineThread()
  ahead.unref()
  // The next engine then starts a thread of its own, and tells what is wrong with it.
  ahead.once('error', () => (ahead = undefined))
}

/** The thread of a new engine, which waits to be told of its model. */
export function takeThread(): Thread {
  const thread = ahead ?? startEngineThread()
  thread.removeAllListeners('error')
  thread.ref()
  ahead = undefined
  return thread
}

function startEngineThread(): Thread {
  prepareToCompile()
  return startThread(new URL('./worker.js', import.meta.url))
}
