import { type ChildProcess, fork, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { UserError } from '../../errors.js'
import { reasonOf } from '../text-files.js'

/** What a process of this kind is sent: first what it works with, then requests. */
export type Question = { opening: unknown } | { request: unknown; milliseconds: number }

/** What it sends back: that it is ready, the answer, what is wrong, or that its time was over. */
export type Answer = { isReady: true } | { value: unknown } | { error: string } | { isTooMuch: true }

/** For a process that answers once: both questions, on its standard input. */
export interface OneQuestion {
  opening: unknown
  request: unknown
  milliseconds: number
}

/** The argument of a process that answers once. */
export const ONCE = '--once'

/** Longest that a process may take to start, on a machine that is busy with other things. */
const START_MS = 20_000
/** A process that had nothing to do for so long ends. */
const IDLE_MS = 5_000
const MOST_BYTES = 2 ** 28

/**
 * A process for programs and patterns out of a stranger's file: what they do there ends when it takes too long or too
 * much memory, or when the caller wants no more of it. A thread would not do: one that wants a gibibyte at once takes
 * the whole process down. It starts when it is first needed and ends when it no longer is. Requests are carried out one
 * after the other.
 */
export class LimitedProcess {
  private child?: ChildProcess
  private isReady: Promise<void> = Promise.resolve()
  private last: Promise<unknown> = Promise.resolve()
  private waiting = 0
  private idle?: NodeJS.Timeout

  /** `script` calls `answerQuestions`; `opening` is what it works with; `mebibytes` bounds its memory. */
  constructor(
    private readonly script: URL,
    private readonly opening: unknown,
    private readonly mebibytes: number,
  ) {}

  /** Starts the process ahead of its first request. */
  start(): ChildProcess {
    if (this.child) return this.child
    const child = fork(this.script, {
      execArgv: this.flags,
      env: environment(),
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    })
    this.child = child
    this.isReady = new Promise((resolve) => child.once('message', () => resolve()))
    child.on('error', () => this.forget(child))
    child.once('exit', () => this.forget(child))
    send(child, { opening: this.opening })
    holdProcess(child, false)
    this.endWhenIdle()
    return child
  }

  /**
   * The answer to a request. Rejects with the signal's reason when aborted, or with a UserError: what the process says
   * is wrong, or the limit that was reached.
   */
  ask<T>(request: unknown, options: { milliseconds: number; signal?: AbortSignal }): Promise<T> {
    this.waiting++
    const answer = this.last
      .then(() => this.askNow(request, options))
      .then((answer) => this.valueOf<T>(answer, options.milliseconds))
      .finally(() => this.waiting--)
    this.last = answer.catch(() => undefined)
    return answer
  }

  /** The answer, while the calling thread sleeps: that of a process of its own. Throws as `ask` rejects. */
  askAsleep<T>(request: unknown, milliseconds: number): T {
    const { stdout } = spawnSync(process.execPath, [...this.flags, fileURLToPath(this.script), ONCE], {
      input: JSON.stringify({ opening: this.opening, request, milliseconds } satisfies OneQuestion),
      env: environment(),
      stdio: ['pipe', 'pipe', 'ignore'],
      encoding: 'utf8',
      killSignal: 'SIGKILL',
      // It ends by itself in time, unless it is in something that cannot be interrupted.
      timeout: START_MS + milliseconds,
      maxBuffer: MOST_BYTES,
    })
    return this.valueOf<T>(stdout ? JSON.parse(stdout) : { isTooMuch: true }, milliseconds)
  }

  private async askNow(
    request: unknown,
    { milliseconds, signal }: { milliseconds: number; signal?: AbortSignal },
  ): Promise<Answer> {
    signal?.throwIfAborted()
    const child = this.start()
    clearTimeout(this.idle)
    holdProcess(child, true)
    const tooMuch: Answer = { isTooMuch: true }
    const done = new AbortController()
    try {
      return await new Promise<Answer>((resolve, reject) => {
        const end = () => resolve(tooMuch)
        const stop = () => reject(signal?.reason)
        let timer = setTimeout(end, START_MS)
        this.isReady.then(() => {
          if (done.signal.aborted) return
          clearTimeout(timer)
          timer = setTimeout(end, milliseconds)
          child.on('message', resolve)
          send(child, { request, milliseconds })
        })
        child.on('error', reject).on('exit', end)
        signal?.addEventListener('abort', stop)
        done.signal.addEventListener('abort', () => {
          clearTimeout(timer)
          child.off('message', resolve).off('error', reject).off('exit', end)
          signal?.removeEventListener('abort', stop)
        })
      })
    } catch (error) {
      this.end()
      throw signal?.aborted ? error : new UserError(reasonOf(error))
    } finally {
      done.abort()
      if (this.child) holdProcess(this.child, false)
      this.endWhenIdle()
    }
  }

  private valueOf<T>(answer: Answer, milliseconds: number): T {
    if ('value' in answer) return answer.value as T
    if ('error' in answer) throw new UserError(answer.error)
    this.end()
    throw new UserError(`ended, since it took more than ${milliseconds / 1000} s or ${this.mebibytes} MiB`)
  }

  private get flags(): string[] {
    return [`--max-old-space-size=${this.mebibytes}`, '--max-semi-space-size=4']
  }

  private endWhenIdle(): void {
    clearTimeout(this.idle)
    this.idle = setTimeout(() => this.waiting === 0 && this.end(), IDLE_MS).unref()
  }

  private end(): void {
    this.child?.kill('SIGKILL')
    this.child = undefined
  }

  private forget(child: ChildProcess): void {
    if (this.child === child) this.child = undefined
  }
}

/** Whether this process stays alive for the other. */
function holdProcess(child: ChildProcess, isHeld: boolean): void {
  if (isHeld) {
    child.ref()
    child.channel?.ref()
  } else {
    child.unref()
    child.channel?.unref()
  }
}

/** Who cannot be reached has ended, and that is told by other events. */
function send(child: ChildProcess, question: Question): void {
  child.send(question, () => undefined)
}

/** No tokens and no options meant for this process: the time zone, for templates that write the date. */
function environment(): NodeJS.ProcessEnv {
  const { TZ, SystemRoot } = process.env
  return { ...(TZ !== undefined && { TZ }), ...(SystemRoot !== undefined && { SystemRoot }) }
}
