import { setTimeout as sleep } from 'node:timers/promises'
import { UserError } from '../../../ground/errors.js'

/** Limits of using the network, and of waiting for it. */
export interface NetworkOptions {
  /** Waits before the second, third, ... attempt. One more failure in a row, without progress, ends the work. */
  retryDelaysMs: readonly number[]
  /** Silence, in ms, after which a connection counts as lost. */
  idleMs: number
  /** Maximum requests under way at once. */
  connections: number
  /** Bytes of weights to request together. Neighbours in a file are then one request. */
  requestBytes: number
}

export const NETWORK_DEFAULTS: NetworkOptions = {
  retryDelaysMs: [500, 1000, 2000, 4000, 8000, 15000, 30000],
  idleMs: 30000,
  connections: 8,
  requestBytes: 4 * 2 ** 20,
}

export class Unreachable extends UserError {}

/** A failure that may pass: a lost connection, a busy server. */
export class TransientError extends Error {
  /** `waitMs` is the pause, in ms, that the server asks for. */
  constructor(
    message: string,
    readonly waitMs = 0,
  ) {
    super(message)
  }
}

/** Maximum wait that a server may ask for. */
const LONGEST_WAIT_MS = 10 * 60 * 1000
/** Bytes that must arrive between two failures to reset their count. Fewer would never finish a file. */
export const LEAST_PROGRESS = 1024
/** Maximum attempts at a host that has never answered: more do not help against a wrong address. */
const MOST_CALLS = 3

/** Counts the failures of some work, and waits after each until the next attempt is due. */
export class Retries {
  private failures = 0
  private bytes = 0

  /** `isHeard` says whether the host has answered at all. */
  constructor(
    private readonly what: string,
    private readonly network: NetworkOptions,
    private readonly isHeard: () => boolean,
    private readonly signal?: AbortSignal,
    private readonly onRetry?: (message: string) => void,
  ) {}

  /** Reports bytes that have come, out of `of`. Enough of them reset the count of failures. */
  progress(bytes: number, of: number): void {
    this.bytes += bytes
    if (this.bytes >= Math.min(LEAST_PROGRESS, of / 8)) this.failures = 0
  }

  /** Waits for the next attempt. Rejects with the signal's reason, or with a UserError after the last failure. */
  async wait(error: unknown): Promise<void> {
    this.signal?.throwIfAborted()
    if (error instanceof UserError) throw error
    const why = reasonOf(error)
    if (isFinal(error)) throw new UserError(`${this.what}: ${why}`)
    const { retryDelaysMs } = this.network
    const attempts = retryDelaysMs.length + 1
    if (this.failures + 1 >= (this.isHeard() ? attempts : Math.min(attempts, MOST_CALLS))) {
      const message =
        `${this.what}: ${why}, ${this.failures + 1} times in a row\n` +
        (this.isHeard()
          ? 'check the connection (or proxy) and run the same command again: it resumes'
          : 'check the connection, the proxy if there is one, and HF_ENDPOINT')
      throw this.isHeard() ? new UserError(message) : new Unreachable(message)
    }
    this.bytes = 0
    const asked = error instanceof TransientError ? Math.min(error.waitMs, LONGEST_WAIT_MS) : 0
    // Jitter: programs that lost the same server must not all come back at once.
    const delay = Math.max(asked, retryDelaysMs[this.failures++] * (0.75 + 0.5 * Math.random()))
    this.onRetry?.(`${this.what}: ${why}; trying again in ${Math.ceil(delay / 1000)} s`)
    await sleep(delay, undefined, { signal: this.signal }).catch((error: unknown) => {
      this.signal?.throwIfAborted()
      throw error
    })
  }
}

/** Wait, in ms, that an answer asks for: Retry-After in seconds or as a date, else `t=` of RateLimit, else 0. */
export function askedWait(headers: { [name: string]: string | string[] | undefined }): number {
  const retryAfter = String(headers['retry-after'] ?? '')
  if (/^\d+(\.\d+)?$/.test(retryAfter)) return Number(retryAfter) * 1000
  const date = Date.parse(retryAfter)
  if (!Number.isNaN(date)) return Math.max(0, date - Date.now())
  const [, reset] = /(?:^|;)\s*t=(\d+)/.exec(String(headers.ratelimit ?? '')) ?? []
  return reset ? Number(reset) * 1000 : 0
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { code } = error as NodeJS.ErrnoException
  if (code === 'ECONNRESET') return 'the connection was lost'
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'the host is not found (no network?)'
  // A refused connection to several addresses of a host comes as an error without a message.
  return error.message || code || error.name
}

/** Whether trying again cannot help, as with an untrusted certificate. */
function isFinal(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return /^(CERT_|ERR_TLS_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|ERR_INVALID_)/.test(code)
}
