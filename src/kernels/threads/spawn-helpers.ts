import { startThread, type Thread } from '../../ground/platform/threads.js'

/** A thread that computes along with the leader. */
export interface Helper {
  thread: Thread
  /** Resolves when the thread has ended, even if that was earlier. */
  gone: Promise<void>
}

/** Helper threads that no pool has taken yet. */
const ahead: Helper[] = []

/** Starts helper threads in advance, while the memories of their pool are being prepared. */
export function startHelpersAhead(count: number): void {
  while (ahead.length < count) ahead.push(startHelper())
}

/** Takes a helper thread, which waits for a message with its memories. */
export function takeHelper(): Helper {
  return ahead.pop() ?? startHelper()
}

function startHelper(): Helper {
  const thread = startThread(new URL('./helper-thread.js', import.meta.url))
  return { thread, gone: new Promise((resolve) => thread.once('exit', () => resolve())) }
}
