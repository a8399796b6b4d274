import {
  getEnvironmentData,
  parentPort,
  receiveMessageOnPort,
  setEnvironmentData,
  threadId,
  Worker,
  workerData,
} from 'node:worker_threads'

/* Threads, their messages and what they share. */

/** Number of this thread; 0 is the main thread. */
export { threadId }

/** Whether threads can share memory. Otherwise a model computes on one thread alone. */
export const SHARES_MEMORY: boolean = true

/** Memory that threads share if they can; else each has a copy of what it gets. */
export function sharedBuffer(bytes: number): SharedArrayBuffer {
  return new SharedArrayBuffer(bytes)
}

/** Calls `work` in the next turn of the event loop. */
export function nextTurn(work: () => void): void {
  setImmediate(work)
}

/** Calls `work` every `ms`, and does not keep the process alive. Returns a function that ends it. */
export function every(ms: number, work: () => void): () => void {
  const timer = setInterval(work, ms).unref()
  return () => clearInterval(timer)
}

interface ThreadEvents {
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
  /** Ends the thread wherever it is. Resolves when it has ended, thus perhaps never: see `endThread`. */
  terminate(): Promise<unknown>
}

/** The end of each running thread that this one has started. */
const ends = new Map<Thread, Promise<void>>()

/** Starts a thread that runs the module `script`; `data` is what `threadData` returns there. */
export function startThread(script: URL, data?: unknown): Thread {
  const thread = new Worker(script, { workerData: data, execArgv: [] })
  const end = new Promise<void>((resolve) => {
    thread.once('exit', () => {
      ends.delete(thread)
      resolve()
    })
  })
  ends.set(thread, end)
  return thread
}

/**
 * Maximum ms for the end of a thread that computes no more. Node may wait for ever there, for work of V8 that itself waits
 * for the thread (nodejs/node#54918).
 */
const ENDING_MS = 5_000
/** Ms of computing in ENDING_MS below which the process does nothing. */
const STILL_MS = 50

/**
 * Waits until a thread has ended: by itself within `patience` ms, then by force. Resolves even if Node cannot end it; the
 * thread is then left, and does not keep the process alive.
 */
export async function endThread(thread: Thread, patience = 0): Promise<void> {
  if (patience > 0 && (await endsWithin(patience, [thread]))) return
  // `endsWithin` waits, since the promise may never resolve.
  void thread.terminate()
  await endsWithin(ENDING_MS, [thread])
  thread.unref()
}

/**
 * Ends all threads that this one has started. Resolves with whether all have ended. A thread that is only slow to end
 * computes, and gets some time more; one that Node cannot end waits.
 */
export async function endThreads(): Promise<boolean> {
  for (const thread of ends.keys()) void thread.terminate()
  for (let rounds = 3; ends.size > 0 && rounds > 0; rounds--) {
    const before = process.cpuUsage()
    if (await endsWithin(ENDING_MS, [...ends.keys()])) break
    const { user, system } = process.cpuUsage(before)
    if ((user + system) / 1000 < STILL_MS) break
  }
  return ends.size === 0
}

async function endsWithin(ms: number, threads: readonly Thread[]): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms)
  })
  const ended = Promise.all(threads.map((thread) => ends.get(thread))).then(() => true)
  return Promise.race([ended, late]).finally(() => clearTimeout(timer))
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
    /** Resolves when messages have come to `listen`, if `take` cannot look for them; undefined if it can. */
    turn: (): Promise<void> | undefined => undefined,
    close: () => port.close(),
  }
}

/**
 * A word that this thread shares with every thread that it starts after the first call, and they with theirs. 0 at first.
 */
export function inheritedWord(name: string): Int32Array {
  const shared: unknown = getEnvironmentData(name)
  if (shared instanceof Int32Array) return shared
  const fresh = new Int32Array(new SharedArrayBuffer(4))
  setEnvironmentData(name, fresh as unknown as Parameters<typeof setEnvironmentData>[1])
  return fresh
}
