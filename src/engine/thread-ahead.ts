import { Worker } from 'node:worker_threads'
import { prepareToCompile } from '../runtime/compiler/compile.js'

/** The thread of an engine to come. */
let ahead: Worker | undefined

/**
 * Starts the thread of the next engine: it reads the engine's code while the caller is still looking for a model. The
 * process does not wait for it if no engine comes.
 */
export function startThreadAhead(): void {
  if (ahead) return
  ahead = startThread()
  ahead.unref()
  // The next engine then starts a thread of its own, and tells what is wrong with it.
  ahead.once('error', () => (ahead = undefined))
}

/** The thread of a new engine, which waits to be told of its model. */
export function takeThread(): Worker {
  const thread = ahead ?? startThread()
  thread.removeAllListeners('error')
  thread.ref()
  ahead = undefined
  return thread
}

function startThread(): Worker {
  prepareToCompile()
  return new Worker(new URL('./worker.js', import.meta.url), { execArgv: [] })
}
