import { startThread, type Thread } from '../../platform/threads.js'

/** A thread that computes beside the leader. */
export interface Helper {
  thread: Thread
  /** Resolves when the thread has ended, also if that was before anyone asked. */
  gone: Promise<void>
}

/** Helper threads for a pool to come. */
const ahead: Helper[] = []

/** Starts helper threads before there is a pool for them, while its memories are being prepared. */
export function startHelpersAhead(count: number): void {
  while (ahead.length < count) ahead.push(startHelper())
}

/** A helper thread, which waits to be told of its memories. */
export function takeHelper(): Helper {
  return ahead.pop() ?? startHelper()
}

function startHelper(): Helper {
  const thread = startThread(new URL('./helper-thread.js', import.meta.url))
  return { thread, gone: new Promise((resolve) => thread.once('exit', () => resolve())) }
}
