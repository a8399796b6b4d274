import {
  getEnvironmentData,
  parentPort,
  receiveMessageOnPort,
  setEnvironmentData,
  threadId,
  Worker,
  workerData,
} from 'node:worker_threads'

/*
 * Threads and their messages. In a browser `startThread` would make a Worker of type module, whose end it learns from a
 * last message, since a Worker has no exit event. `Mailbox.take` would read a ring in a SharedArrayBuffer, because a
 * Worker cannot poll the messages that were posted to it.
 */

/** Number of this thread; 0 is the main thread. */
export { threadId }

interface ThreadEvents {
  /** A message that the thread has sent. */
  message: (message: never) => void
  /** An error that the thread did not catch, and that has ended it. Without a listener it ends this thread as well. */
  error: (error: Error) => void
  exit: () => void
}

/** A thread, as the thread that started it sees it. */
export interface Thread {
  readonly threadId: number
  /** Sends a message. Buffers in `transfer` are moved, not copied. */
  postMessage(message: unknown, transfer?: ArrayBuffer[]): void
  on<Event extends keyof ThreadEvents>(event: Event, listener: ThreadEvents[Event]): unknown
  once<Event extends keyof ThreadEvents>(event: Event, listener: ThreadEvents[Event]): unknown
  removeAllListeners(event: keyof ThreadEvents): unknown
  /** Keeps the process alive while the thread runs; the default. */
  ref(): void
  unref(): void
  /** Ends the thread wherever it is; resolves when it has ended. */
  terminate(): Promise<unknown>
}

/** Starts a thread that runs the module `script`; `data` is what `threadData` returns there. */
export function startThread(script: URL, data?: unknown): Thread {
  return new Worker(script, { workerData: data, execArgv: [] })
}

export function threadData(): unknown {
  return workerData
}

/** The messages between this thread and the one that started it. Throws in the main thread, which has none. */
export function openMailbox<Received, Sent>() {
  const port = parentPort
  if (!port) throw new Error('this module runs in a thread of its own')
  return {
    /** Sends a message. Buffers in `transfer` are moved, not copied. */
    post: (message: Sent, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer),
    /** Calls `listener` for every message that `take` has not taken. The thread lives until `close`. */
    listen: (listener: (message: Received) => void) => port.on('message', listener),
    /** Calls `listener` for the next message only. */
    listenOnce: (listener: (message: Received) => void) => port.once('message', listener),
    /** The next message, if one has come; does not wait. */
    take: (): Received | undefined => receiveMessageOnPort(port)?.message,
    close: () => port.close(),
  }
}

/**
 * A word that this thread shares with every thread that it starts after the first call, and they with theirs. 0 at first.
 * A browser would send it with a thread's first message.
 */
export function inheritedWord(name: string): Int32Array {
  const shared: unknown = getEnvironmentData(name)
  if (shared instanceof Int32Array) return shared
  const fresh = new Int32Array(new SharedArrayBuffer(4))
  setEnvironmentData(name, fresh as unknown as Parameters<typeof setEnvironmentData>[1])
  return fresh
}
