import { UserError } from '../errors.js'
import { startThread, type Thread } from '../platform/threads.js'
import { closeGuide, failGuide } from './guide-memory.js'
import { type GuideThreadData, MOST_COMPILED, type OpenReply, type OpenRequest } from './protocol.js'
import type { VocabularyData } from './run/token-tree.js'

/** Seconds that one computation of a grammar may take. */
const MOST_SECONDS = 10

interface Opening {
  resolve: () => void
  reject: (error: Error) => void
}

/** The thread ended before it came to a request, because of another. */
export class Displaced extends Error {}

/** The caller's end of a thread of guides. Ends a thread that is busy with one grammar for too long. */
export class GuideThread {
  /** Whether the thread has ended, or is about to. */
  hasEnded = false
  private readonly thread: Thread
  private readonly pulse = new Int32Array(new SharedArrayBuffer(4))
  private readonly opening = new Map<number, Opening>()
  /** Memory of the open guides. */
  private readonly guides = new Set<SharedArrayBuffer>()
  /** Requests that the thread has not answered, some of them aborted. */
  private readonly unanswered = new Set<number>()
  private nextId = 1
  /** Cause of the thread's end. */
  private reason = 'the thread of grammars has ended'
  private watch?: ReturnType<typeof setInterval>
  /** Grammars that have been compiled. */
  private readonly grammars = new Set<string>()

  constructor(vocabulary: VocabularyData) {
    const data: GuideThreadData = { vocabulary, pulse: this.pulse }
    this.thread = startThread(new URL('./thread.js', import.meta.url), data)
    this.thread.unref()
    this.thread.on('message', (reply: OpenReply) => this.receive(reply))
    this.thread.on('error', (error) => {
      this.reason = `the thread of grammars failed: ${error.message}`
    })
    this.thread.on('exit', () => this.fail())
  }

  /** Number of its guides, and of those that it prepares. */
  get load(): number {
    return Math.max(this.guides.size, this.unanswered.size)
  }

  /** Whether it prepares a guide. */
  get isOpening(): boolean {
    return this.unanswered.size > 0
  }

  /** Whether it has compiled all of these grammars. */
  has(grammars: readonly string[]): boolean {
    return grammars.every((grammar) => this.grammars.has(grammar))
  }

  /**
   * Rejects with a UserError that names what is wrong with a grammar, with the signal's reason, or with `Displaced`.
   */
  async open(request: Omit<OpenRequest, 'id'>, grammars: readonly string[], signal?: AbortSignal): Promise<void> {
    const id = this.nextId++
    const abort = () => this.opening.get(id)?.reject(signal?.reason)
    signal?.addEventListener('abort', abort)
    try {
      await new Promise<void>((resolve, reject) => {
        this.opening.set(id, { resolve, reject })
        this.guides.add(request.memory)
        this.unanswered.add(id)
        this.attend()
        this.thread.postMessage({ id, ...request } satisfies OpenRequest)
      })
      this.remember(grammars)
    } catch (error) {
      closeGuide(request.memory)
      this.release(request.memory)
      throw error
    } finally {
      signal?.removeEventListener('abort', abort)
      this.opening.delete(id)
      this.attend()
    }
  }

  /** Forgets a guide that has been closed. */
  release(memory: SharedArrayBuffer): void {
    this.guides.delete(memory)
    this.attend()
  }

  /** Ends the thread now; its guides fail with the reason. */
  async end(reason: string): Promise<void> {
    this.hasEnded = true
    this.reason = reason
    await this.thread.terminate()
  }

  /** Forgets the oldest, as the thread does. */
  private remember(grammars: readonly string[]): void {
    for (const grammar of grammars) {
      this.grammars.delete(grammar)
      this.grammars.add(grammar)
    }
    for (const oldest of this.grammars) {
      if (this.grammars.size <= MOST_COMPILED) return
      this.grammars.delete(oldest)
    }
  }

  private receive({ id, error }: OpenReply): void {
    this.unanswered.delete(id)
    const opening = this.opening.get(id)
    if (error === undefined) opening?.resolve()
    else opening?.reject(new UserError(error))
    this.attend()
  }

  /** Watches the thread while it has work, and keeps the process alive while a guide is being opened. */
  private attend(): void {
    if (this.opening.size > 0) this.thread.ref()
    else this.thread.unref()
    if (this.load > 0) this.watch ??= this.startWatch()
    else {
      clearInterval(this.watch)
      this.watch = undefined
    }
  }

  private startWatch(): ReturnType<typeof setInterval> {
    let last = -1
    let seconds = 0
    const watch = setInterval(() => {
      const pulse = Atomics.load(this.pulse, 0)
      seconds = pulse === last ? seconds + 1 : 0
      last = pulse
      if (seconds >= MOST_SECONDS)
        void this.end(`a grammar took longer than ${MOST_SECONDS} seconds to prepare or follow`)
    }, 1000)
    watch.unref()
    return watch
  }

  private fail(): void {
    this.hasEnded = true
    for (const memory of this.guides) failGuide(memory, this.reason)
    const [current] = this.unanswered
    for (const [id, { reject }] of this.opening) reject(id === current ? new UserError(this.reason) : new Displaced())
    this.unanswered.clear()
    this.attend()
  }
}
