import { type ChildProcess, fork, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { UserError } from '../../errors.js'
import { reasonOf } from '../text-files.js'
import { atLimit, MOST_WAITS } from './time-limit.js'

/** Messages to the process: first its opening, which it prepares for all requests, then requests. */
export type Question = { opening: unknown } | { request: unknown; milliseconds: number }

/** Messages from the process: it is ready, an answer, an error, or the milliseconds of the limit that it reached. */
export type Answer = { isReady: true } | { value: unknown } | { error: string } | { exceeded: number }

/** For a process that answers once: both questions, on its standard input. */
export interface OneQuestion {
  opening: unknown
  request: unknown
  milliseconds: number
}

/** The argument of a process that answers once. */
export const ONCE = '--once'

/** Longest time to start and to prepare the opening, on a machine that is busy with other work. */
export const START_MS = 20_000
/** An idle process ends after this time. */
const IDLE_MS = 5_000
const MOST_BYTES = 2 ** 28

/**
 * A process for untrusted programs and patterns: a request ends when it takes too long or too much memory, or when its
 * caller aborts it. A thread would not do: a single allocation of a gibibyte there takes the whole process down. The
 * process starts when it is first needed and ends when it is idle. It carries out one request after the other. The time
 * of a request begins when the process is ready, and only the time that the process computes counts if the system
 * reports it: a busy machine makes no good request fail.
 */
export class LimitedProcess {
  private child?: ChildProcess
  private opened?: Promise<Answer>
  private last: Promise<unknown> = Promise.resolve()
  private waiting = 0
  private idle?: NodeJS.Timeout

  /** `script` calls `answerQuestions` and gets `opening` first; `mebibytes` bounds its memory. */
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
    this.opened = new Promise((resolve) => child.once('message', resolve))
    child.on('error', () => this.forget(child))
    child.once('exit', () => this.forget(child))
    send(child, { opening: this.opening })
    holdProcess(child, false)
    this.endWhenIdle()
    return child
  }

  /**
   * Resolves with the answer to a request. Rejects with the signal's reason when aborted, or with a UserError: the error
   * of the process, or the limit that it reached.
   */
  ask<T>(request: unknown, options: { milliseconds: number; signal?: AbortSignal }): Promise<T> {
    this.waiting++
    const answer = this.last
      .then(() => this.askNow(request, options))
      .then((answer) => this.valueOf<T>(answer))
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
    return this.valueOf<T>(stdout ? JSON.parse(stdout) : { exceeded: milliseconds })
  }

  private async askNow(
    request: unknown,
    { milliseconds, signal }: { milliseconds: number; signal?: AbortSignal },
  ): Promise<Answer> {
    signal?.throwIfAborted()
    const child = this.start()
    clearTimeout(this.idle)
    holdProcess(child, true)
    const done = new AbortController()
    try {
      return await new Promise<Answer>((resolve, reject) => {
        const exceeded = (limit: number) => resolve({ exceeded: limit })
        const end = () => exceeded(milliseconds)
        const stop = () => reject(signal?.reason)
        // The process ends itself at its own, later limit; the caller hears of the limit that it gave.
        const take = (answer: Answer) => ('exceeded' in answer ? end() : resolve(answer))
        const starting = setTimeout(exceeded, START_MS, START_MS)
        let stopWatching = () => clearTimeout(starting)
        this.opened?.then((opened) => {
          if (done.signal.aborted) return
          stopWatching()
          if (!('isReady' in opened)) return resolve(opened)
          stopWatching = atLimit(child.pid, milliseconds, end)
          child.on('message', take)
          send(child, { request, milliseconds: milliseconds * MOST_WAITS })
        })
        child.on('error', reject).on('exit', end)
        signal?.addEventListener('abort', stop)
        done.signal.addEventListener('abort', () => {
          stopWatching()
          child.off('message', take).off('error', reject).off('exit', end)
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

  private valueOf<T>(answer: Answer): T {
    if ('value' in answer) return answer.value as T
    if ('error' in answer) throw new UserError(answer.error)
    this.end()
    const seconds = ('exceeded' in answer ? answer.exceeded : START_MS) / 1000
    throw new UserError(`ended, since it took more than ${seconds} s or ${this.mebibytes} MiB`)
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

/** A failed send means that the process has ended; its `exit` event handles that. */
function send(child: ChildProcess, question: Question): void {
  child.send(question, () => undefined)
}

/** No access tokens and no options of this process: only the time zone, for templates that write the date. */
function environment(): NodeJS.ProcessEnv {
  const { TZ, SystemRoot } = process.env
  return { ...(TZ !== undefined && { TZ }), ...(SystemRoot !== undefined && { SystemRoot }) }
}
