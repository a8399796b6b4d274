import { type ChildProcess, fork, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { UserError } from '../../ground/errors.js'
import { reasonOf } from '../../ground/printable.js'
import { Queue } from '../../ground/queue.js'
import {
  type Answer,
  atLimit,
  type Failure,
  MOST_WAITS,
  OPENING_MS,
  type Question,
  START_MS,
  whenOpened,
} from './opening.js'

/** Input of the script ask-once: the process to start and its request. */
export interface OneQuestion {
  script: string
  opening: unknown
  mebibytes: number
  openingMs: number
  request: unknown
  milliseconds: number
}

interface AskOptions {
  milliseconds: number
  signal?: AbortSignal
}

/** Milliseconds until an idle process is ended. */
const IDLE_MS = 5_000
const MOST_BYTES = 2 ** 28

/**
 * A process for untrusted programs and patterns. It starts on demand, carries out one request after the other and ends
 * when idle. A request ends when it takes too long or too much memory, or when its caller aborts it. A thread would not
 * do: a single allocation of 1 GiB would kill the whole process.
 *
 * The time of the opening begins when the process has started, a request's when the opening is prepared. Only the
 * time that the process computes counts, if the system reports it, so that a busy machine fails no good request. An
 * opening that fails is not tried again.
 */
export class LimitedProcess {
  private child?: ChildProcess
  private opened?: ReturnType<typeof whenOpened>
  private failed?: Failure
  private readonly requests = new Queue()
  private waiting = 0
  private idle?: NodeJS.Timeout

  /** `script` calls `answerQuestions` and gets `opening` first, for which it has `openingMs`. */
  constructor(
    private readonly script: URL,
    private readonly opening: unknown,
    private readonly mebibytes: number,
    private readonly openingMs = OPENING_MS,
  ) {}

  /** Starts the process ahead of its first request. */
  start(): ChildProcess {
    if (this.child) return this.child
    const child = fork(this.script, {
      execArgv: [`--max-old-space-size=${this.mebibytes}`, '--max-semi-space-size=4'],
      env: environment(),
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    })
    this.child = child
    this.opened = whenOpened(child, this.openingMs).then((opened) => {
      if ('isForGood' in opened) this.failed = opened
      return opened
    })
    child.on('error', () => this.forget(child))
    child.once('exit', () => this.forget(child))
    send(child, { opening: this.opening })
    holdProcess(child, false)
    this.endWhenIdle()
    return child
  }

  /** Answers a request. Rejects with the signal's reason, or with a UserError: the process's, or the exceeded limit. */
  async ask<T>(request: unknown, options: AskOptions): Promise<T> {
    return valueIn<T>(await this.answerTo(request, options), this.mebibytes)
  }

  /** Blocks the calling thread until another process has answered. Throws as `ask` rejects. */
  askAsleep<T>(request: unknown, milliseconds: number): T {
    const answer: Answer = this.failed ?? this.answerOnce(request, milliseconds)
    if ('isForGood' in answer) this.failed = answer
    return valueIn<T>(answer, this.mebibytes)
  }

  /** As `ask`, but resolves with errors and exceeded limits. */
  answerTo(request: unknown, options: AskOptions): Promise<Answer> {
    this.waiting++
    return this.requests.run(() => this.answerNow(request, options)).finally(() => this.waiting--)
  }

  private answerOnce(request: unknown, milliseconds: number): Answer {
    const { script, opening, mebibytes, openingMs } = this
    const question: OneQuestion = { script: script.href, opening, mebibytes, openingMs, request, milliseconds }
    const { stdout } = spawnSync(
      process.execPath,
      [fileURLToPath(new URL('../../bundle/ask-once.js', import.meta.url))],
      {
        input: JSON.stringify(question),
        env: environment(),
        stdio: ['pipe', 'pipe', 'ignore'],
        encoding: 'utf8',
        killSignal: 'SIGKILL',
        // It ends long before this, unless the machine is stuck.
        timeout: 2 * START_MS + MOST_WAITS * (openingMs + milliseconds),
        maxBuffer: MOST_BYTES,
      },
    )
    return stdout ? JSON.parse(stdout) : { exceeded: milliseconds }
  }

  private async answerNow(request: unknown, { milliseconds, signal }: AskOptions): Promise<Answer> {
    signal?.throwIfAborted()
    if (this.failed) return this.failed
    const child = this.start()
    clearTimeout(this.idle)
    holdProcess(child, true)
    const done = new AbortController()
    try {
      const answer = await new Promise<Answer>((resolve, reject) => {
        const end = () => resolve({ exceeded: milliseconds })
        const stop = () => reject(signal?.reason)
        // The process's own limit is later; the error names the caller's limit.
        const take = (answer: Answer) => ('exceeded' in answer ? end() : resolve(answer))
        let stopWatching = () => {}
        this.opened?.then((opened) => {
          if (done.signal.aborted) return
          if (!('isReady' in opened)) return resolve(opened)
          stopWatching = atLimit(child.pid, milliseconds, end)
          child.on('message', take).on('exit', end)
          send(child, { request, milliseconds: milliseconds * MOST_WAITS })
        })
        child.on('error', reject)
        signal?.addEventListener('abort', stop, { signal: done.signal })
        done.signal.addEventListener('abort', () => {
          stopWatching()
          child.off('message', take).off('error', reject).off('exit', end)
        })
      })
      if ('exceeded' in answer) this.end()
      return answer
    } catch (error) {
      this.end()
      if (signal?.aborted) throw error
      return { error: reasonOf(error) }
    } finally {
      done.abort()
      if (this.child) holdProcess(this.child, false)
      this.endWhenIdle()
    }
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

function valueIn<T>(answer: Answer, mebibytes: number): T {
  if ('value' in answer) return answer.value as T
  if ('error' in answer) throw new UserError(answer.error)
  throw new UserError(`ended, since it took more than ${answer.exceeded / 1000} s or ${mebibytes} MiB`)
}

/** Sets whether the other process keeps this one alive. */
function holdProcess(child: ChildProcess, isHeld: boolean): void {
  const hold = isHeld ? 'ref' : 'unref'
  child[hold]()
  child.channel?.[hold]()
}

/** A failed send means that the process has ended; its `exit` event handles that. */
function send(child: ChildProcess, question: Question): void {
  child.send(question, () => undefined)
}

/** The environment without access tokens and options; the time zone stays, for templates that write the date. */
function environment(): NodeJS.ProcessEnv {
  const { TZ, SystemRoot } = process.env
  return { ...(TZ !== undefined && { TZ }), ...(SystemRoot !== undefined && { SystemRoot }) }
}
