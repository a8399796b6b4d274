import { NoRoom, UserError } from '../../ground/errors.js'
import { endThread, sharedBuffer, type Thread } from '../../ground/platform/threads.js'
import { setBackFlagsOf } from '../../kernels/compiler/compile.js'
import type {
  EngineData,
  Failed,
  FromEngine,
  ProgressMessage,
  Request,
  SentRequest,
  StepMessage,
  ToEngine,
} from './messages/protocol.js'
import { takeThread } from './reading/thread-ahead.js'

/** Called before the reply to a request comes. */
interface Listeners {
  onStep?: (step: StepMessage) => void
  onProgress?: (progress: ProgressMessage) => void
}

interface Pending extends Listeners {
  /** Shared with the engine: a 1 in it stops the request. */
  stop?: Int32Array
  resolve: (value: never) => void
  reject: (error: Error) => void
}

/** A pending request, for its caller. */
export interface Ongoing<T> {
  reply: Promise<T>
  /** Stops the work before the model's next block; the reply then rejects with `Interrupted`. */
  stop(): void
  /** Allows a generation to run `steps` further ahead of its reader. */
  credit(steps: number): void
}

/** Time for an engine to end before it is terminated: far longer than a block of the model, after which it checks. */
const CLOSING_MS = 5_000

export class Interrupted extends Error {}

export type EngineCalls = Pick<EngineClient, 'call'>

/** The caller's end of an engine: sends requests to its thread and matches their replies. */
export class EngineClient {
  tier = ''
  compiler = ''
  warnings: string[] = []
  private readonly pending = new Map<number, Pending>()
  private nextId = 1
  private ended?: Error
  private whenIdle: (() => void)[] = []
  private closing?: Promise<void>

  private constructor(private readonly thread: Thread) {}

  /** Starts an engine and waits until its model is loaded. Rejects with the error if that fails. */
  static async start(data: EngineData, signal?: AbortSignal): Promise<EngineClient> {
    signal?.throwIfAborted()
    const thread = takeThread()
    const client = new EngineClient(thread)
    const stop = () => client.fail(signal?.reason ?? new Error('aborted'))
    signal?.addEventListener('abort', stop)
    try {
      await client.started(data)
      return client
    } catch (error) {
      const { threadId } = thread
      await endThread(thread)
      setBackFlagsOf(threadId)
      throw error
    } finally {
      signal?.removeEventListener('abort', stop)
    }
  }

  /** Sends a request. Buffers in `transfer` move to the engine. */
  call<T>(request: Request, listeners: Listeners = {}, transfer: ArrayBuffer[] = []): Ongoing<T> {
    const id = this.nextId++
    const stop = new Int32Array(sharedBuffer(4))
    const reply = new Promise<T>((resolve, reject) => {
      if (this.ended) return reject(this.ended)
      this.wait(id, { stop, resolve, reject, ...listeners })
      this.send({ ...request, id, stop } as SentRequest, transfer)
    })
    return {
      reply,
      stop: () => {
        Atomics.store(stop, 0, 1)
        if (this.pending.has(id)) this.send({ kind: 'stop', id })
      },
      credit: (steps) => {
        if (this.pending.has(id)) this.send({ kind: 'credit', id, steps })
      },
    }
  }

  /** Resolves once no request runs. */
  async idle(): Promise<void> {
    if (this.pending.size > 0) await new Promise<void>((resolve) => this.whenIdle.push(resolve))
  }

  /** Stops all requests and ends the engine, by force if it does not answer; later calls reject with `reason`. */
  async close(reason?: Error): Promise<void> {
    if (!this.ended) {
      for (const { stop } of this.pending.values()) if (stop) Atomics.store(stop, 0, 1)
      this.call({ kind: 'close' }).reply.catch(() => undefined)
      this.ended = reason ?? disposed()
    } else if (reason) {
      this.ended = reason
    }
    if (!this.closing) this.thread.ref()
    this.closing ??= endThread(this.thread, CLOSING_MS)
    await this.closing
  }

  private started(data: EngineData): Promise<void> {
    return new Promise((resolve, reject) => {
      this.wait(0, { resolve: resolve as Pending['resolve'], reject })
      this.thread.on('message', (message: FromEngine) => this.receive(message))
      this.thread.on('error', (error) => this.fail(error))
      this.thread.on('exit', () => this.fail(this.ended ?? new Error('the engine ended unexpectedly')))
      this.send({ kind: 'start', data })
    })
  }

  private receive(message: FromEngine): void {
    if (message.kind === 'step') return this.pending.get(message.id)?.onStep?.(message.step)
    if (message.kind === 'progress') return this.pending.get(message.id)?.onProgress?.(message.progress)
    if (message.kind === 'ready') {
      this.tier = message.tier
      this.compiler = message.compiler
      this.warnings = message.warnings
      this.settle(0)?.resolve(undefined as never)
    } else if (message.kind === 'reply') {
      this.settle(message.id)?.resolve(message.value as never)
    } else {
      this.settle(message.id)?.reject(message.stopped && this.ended ? this.ended : errorFrom(message))
    }
  }

  private fail(error: Error): void {
    this.ended ??= error
    for (const id of [...this.pending.keys()]) this.settle(id)?.reject(error)
  }

  /** Registers a pending request. The engine keeps the process alive only while there is one. */
  private wait(id: number, pending: Pending): void {
    this.pending.set(id, pending)
    this.thread.ref()
  }

  private settle(id: number): Pending | undefined {
    const pending = this.pending.get(id)
    this.pending.delete(id)
    if (this.pending.size > 0) return pending
    if (!this.ended) this.thread.unref()
    for (const resolve of this.whenIdle.splice(0)) resolve()
    return pending
  }

  private send(message: ToEngine, transfer: ArrayBuffer[] = []): void {
    this.thread.postMessage(message, transfer)
  }
}

/** Error of calls to a model that has been disposed. */
export function disposed(): Error {
  return new Error('the model has been disposed')
}

function errorFrom({ message, stack, stopped, noRoom, phrase }: Failed): Error {
  if (stopped) return new Interrupted('stopped')
  const known = phrase && (noRoom ? new NoRoom(phrase, noRoom) : new UserError(phrase))
  const error = known ?? new Error(message)
  if (stack) error.stack = stack
  return error
}
