import { startThread, type Thread } from '../../ground/platform/threads.js'

/** Helper threads, which compute along with the leader, that no pool has taken yet. */
const ahead: Thread[] = []

/** Starts helper threads in advance, while the memories of their pool are being prepared. */
export function startHelpersAhead(count: number): void {
  while (ahead.length < count) ahead.push(startHelper())
}

/** Takes a helper thread, which waits for a message with its memories. */
export function takeHelper(): Thread {
  return ahead.pop() ?? startHelper()
}

function startHelper(): Thread {
  return startThread(new URL('../../bundle/helper-thread.js', import.meta.url))
}
