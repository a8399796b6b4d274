import type { PageFile } from './fetched-file.browser.js'
import { addFile, filesSince } from './files.browser.js'

/*
 * Threads are workers of type module. A worker cannot look for messages while it computes, so it computes in turns, and
 * says at its end that it ends: a browser does not report it.
 */

/** The first message to a thread. */
interface Start {
  script: string
  id: number
  data: unknown
}

/** Any other message to a thread, with all files if they have changed since the last one. */
interface Sent {
  message: unknown
  files?: ReadonlyMap<string, PageFile>
}

/** Message of a thread that ends. */
const END = 'molm: the thread ends'

export let threadId = 0

/** A page that is not isolated by its headers has no memory that threads share. */
export const SHARES_MEMORY: boolean = globalThis.crossOriginIsolated

export function sharedBuffer(bytes: number): SharedArrayBuffer {
  if (SHARES_MEMORY) return new SharedArrayBuffer(bytes)
  return new ArrayBuffer(bytes) as unknown as SharedArrayBuffer
}

/** Calls of `nextTurn` that wait. A message to oneself comes after all earlier ones, and sooner than a timer. */
const waiting: (() => void)[] = []
const { port1, port2 } = new MessageChannel()
port1.onmessage = () => waiting.shift()?.()

export function nextTurn(work: () => void): void {
  waiting.push(work)
  port2.postMessage(undefined)
}

export function every(ms: number, work: () => void): () => void {
  const timer = setInterval(work, ms)
  return () => clearInterval(timer)
}

interface ThreadEvents {
  message: (message: never) => void
  error: (error: Error) => void
  exit: () => void
}

let started = 0

export class Thread {
  readonly threadId = ++started
  readonly ended: Promise<void>
  private readonly worker: Worker
  private changesSent = 0
  private readonly listeners: { [Event in keyof ThreadEvents]: Set<(value: unknown) => void> } = {
    message: new Set(),
    error: new Set(),
    exit: new Set(),
  }

  constructor(script: URL, data: unknown) {
    const begin = new URL('../../web/thread.js', import.meta.url)
    this.worker = new Worker(begin, { type: 'module', name: script.pathname.split('/').at(-1) })
    this.ended = new Promise((resolve) => this.on('exit', resolve))
    this.worker.onmessage = ({ data }) => (data === END ? this.end() : this.emit('message', data))
    this.worker.onerror = (event) => {
      event.preventDefault()
      this.emit('error', new Error(event.message || `${script}: the browser cannot run it`))
      this.end()
    }
    const start: Start = { script: script.href, id: this.threadId, data }
    this.send(start)
  }

  postMessage(message: unknown, transfer?: ArrayBuffer[]): void {
    this.send(message, transfer)
  }

  private send(message: unknown, transfer: ArrayBuffer[] = []): void {
    const { files, changes } = filesSince(this.changesSent)
    this.changesSent = changes
    this.worker.postMessage({ message, ...(files && { files }) } satisfies Sent, transfer)
  }

  on<Event extends keyof ThreadEvents>(event: Event, listener: ThreadEvents[Event]): void {
    this.listeners[event].add(listener as (value: unknown) => void)
  }

  once<Event extends keyof ThreadEvents>(event: Event, listener: ThreadEvents[Event]): void {
    const only = (value: unknown) => {
      this.listeners[event].delete(only)
      ;(listener as (value: unknown) => void)(value)
    }
    this.listeners[event].add(only)
  }

  removeAllListeners(event: keyof ThreadEvents): void {
    this.listeners[event].clear()
  }

  /** A page stays for as long as its tab. */
  ref(): void {}
  unref(): void {}

  async terminate(): Promise<void> {
    this.end()
  }

  private end(): void {
    this.worker.terminate()
    this.emit('exit', undefined)
    this.listeners.exit.clear()
  }

  private emit(event: keyof ThreadEvents, value: unknown): void {
    for (const listener of [...this.listeners[event]]) listener(value)
  }
}

const running = new Set<Thread>()

export function startThread(script: URL, data?: unknown): Thread {
  const thread = new Thread(script, data)
  running.add(thread)
  thread.on('exit', () => running.delete(thread))
  return thread
}

export async function endThread(thread: Thread, patience = 0): Promise<void> {
  const late = new Promise<void>((resolve) => setTimeout(resolve, patience))
  if (patience > 0) await Promise.race([thread.ended, late])
  await thread.terminate()
}

export async function endThreads(): Promise<boolean> {
  for (const thread of running) await thread.terminate()
  return true
}

/** Messages to this thread that wait for its listener. */
const inbox: unknown[] = []
let listener: ((message: never) => void) | undefined
let ownData: unknown

/** Makes this worker a thread: it takes its first message, then runs the module that this names. */
export function becomeThread(): void {
  self.onmessage = ({ data }: MessageEvent<Sent>) => {
    const { script, id, data: given } = received(data) as Start
    threadId = id
    ownData = given
    self.onmessage = ({ data }: MessageEvent<Sent>) => {
      inbox.push(received(data))
      deliver()
    }
    // An error of the module is one of the thread.
    import(script).catch((error) => setTimeout(() => Promise.reject(error)))
  }
  self.onunhandledrejection = ({ reason }: PromiseRejectionEvent) => {
    setTimeout(() => {
      throw reason
    })
  }
}

function deliver(): void {
  while (listener && inbox.length > 0) listener(inbox.shift() as never)
}

function received({ message, files = new Map() }: Sent): unknown {
  for (const [path, file] of files) addFile(path, file)
  return message
}

export function threadData(): unknown {
  return ownData
}

interface WorkerScope {
  postMessage(message: unknown, transfer?: ArrayBuffer[]): void
  close(): void
}

export function openMailbox<Received, Sent>() {
  const scope = self as unknown as WorkerScope
  const close = () => {
    scope.postMessage(END)
    scope.close()
  }
  const listen = (hear: (message: Received) => void) => {
    listener = hear as typeof listener
    nextTurn(deliver)
  }
  return {
    post: (message: Sent, transfer: ArrayBuffer[] = []) => scope.postMessage(message, transfer),
    listen,
    listenOnce: (hear: (message: Received) => void) => {
      listen((message) => {
        hear(message)
        close()
      })
    },
    take: (): Received | undefined => undefined,
    turn: (): Promise<void> | undefined => new Promise(nextTurn),
    close,
  }
}

/** Each thread has its own: it is for flags of V8, which a page cannot set. */
export function inheritedWord(_name: string): Int32Array {
  return new Int32Array(1)
}
