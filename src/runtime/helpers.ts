import { Worker } from 'node:worker_threads'

/** Helper threads for a pool to come. */
const ahead: Worker[] = []

/** Starts helper threads before there is a pool for them, while its memories are being prepared. */
export function startHelpersAhead(count: number): void {
  while (ahead.length < count) ahead.push(startHelper())
}

/** A helper thread, which waits to be told of its memories. */
export function takeHelper(): Worker {
  return ahead.pop() ?? startHelper()
}

function startHelper(): Worker {
  return new Worker(new URL('./helper-thread.js', import.meta.url), { execArgv: [] })
}
