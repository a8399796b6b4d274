import { UserError } from '../../ground/errors.js'
import { endThread, startThread, type Thread } from '../../ground/platform/threads.js'
import { Queue } from '../../ground/queue.js'
import { type Answer, OPENING_MS, type Question, type Reply, START_MS } from './opening.js'

/** Milliseconds until an idle worker is ended. */
const IDLE_MS = 5_000

/** A worker in place of a process: the browser bounds its memory, and elapsed time counts. */
export class LimitedProcess {
  private thread?: Thread
  private opened?: Promise<Answer>
  private failed?: Answer
  private readonly requests = new Queue()
  private waiting = 0
  private idle?: ReturnType<typeof setTimeout>

  constructor(
    private readonly script: URL,
    private readonly opening: unknown,
    _mebibytes: number,
    private readonly openingMs = OPENING_MS,
  ) {}

  start(): Thread {
    if (this.thread) return this.thread
    const thread = startThread(this.script)
    this.thread = thread
    thread.on('exit', () => {
      if (this.thread === thread) this.thread = undefined
    })
    thread.postMessage({ opening: this.opening } satisfies Question)
    this.opened = this.whenOpened(thread)
    this.endWhenIdle()
    return thread
  }

  async ask<T>(request: unknown, { milliseconds, signal }: { milliseconds: number; signal?: AbortSignal }): Promise<T> {
    this.waiting++
    const answer = await this.requests
      .run(() => this.answerNow(request, milliseconds, signal))
      .finally(() => this.waiting--)
    if ('value' in answer) return answer.value as T
    if ('error' in answer) throw new UserError(answer.error)
    throw new UserError(`ended, since it took more than ${answer.exceeded / 1000} s`)
  }

  /** A page cannot wait for another thread. */
  askAsleep(): never {
    throw new UserError('this tokenizer encodes in a thread: use encodeAsync in a browser')
  }

  private async answerNow(request: unknown, milliseconds: number, signal?: AbortSignal): Promise<Answer> {
    signal?.throwIfAborted()
    if (this.failed) return this.failed
    const thread = this.start()
    clearTimeout(this.idle)
    const opened = await this.opened
    if (opened && 'isForGood' in opened) this.failed = opened
    if (!opened || !('value' in opened)) return opened ?? { exceeded: milliseconds }
    const answer = answerOf(thread, milliseconds, signal)
    thread.postMessage({ request, milliseconds } satisfies Question)
    try {
      const reply = await answer
      if ('exceeded' in reply) this.end()
      return reply
    } catch (error) {
      this.end()
      throw error
    } finally {
      this.endWhenIdle()
    }
  }

  /** Resolves with an answer once the worker has started and prepared its opening. */
  private async whenOpened(thread: Thread): Promise<Answer> {
    const started = await answerOf(thread, START_MS)
    if (!('value' in started)) return started
    const opened = await answerOf(thread, this.openingMs)
    if ('exceeded' in opened) this.end()
    return 'value' in opened ? opened : { ...opened, isForGood: true }
  }

  private endWhenIdle(): void {
    clearTimeout(this.idle)
    this.idle = setTimeout(() => this.waiting === 0 && this.end(), IDLE_MS)
  }

  private end(): void {
    if (this.thread) void endThread(this.thread)
    this.thread = undefined
  }
}

/** The next message of a worker. Resolves with the limit that it exceeded; rejects with the signal's reason. */
function answerOf(thread: Thread, milliseconds: number, signal?: AbortSignal): Promise<Answer> {
  const done = new AbortController()
  const answer = new Promise<Answer>((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds, { exceeded: milliseconds })
    signal?.addEventListener('abort', () => reject(signal.reason), { signal: done.signal })
    thread.on('error', (error) => resolve({ error: error.message }))
    thread.on('message', (reply: Reply) => {
      resolve('value' in reply || 'error' in reply || 'exceeded' in reply ? reply : { value: undefined })
    })
    done.signal.addEventListener('abort', () => clearTimeout(timer))
  })
  return answer.finally(() => {
    done.abort()
    thread.removeAllListeners('error')
    thread.removeAllListeners('message')
  })
}
