import { setTimeout as sleep } from 'node:timers/promises'
import { UserError } from '../errors.js'

/** How long the network is waited for. */
export interface NetworkOptions {
  /** Waits before the second, third, ... attempt; after as many failures without a byte of progress it is given up. */
  retryDelaysMs: readonly number[]
  /** A connection that is silent for so long counts as lost. */
  idleMs: number
  /** Requests under way at once. */
  connections: number
}

export const NETWORK_DEFAULTS: NetworkOptions = {
  retryDelaysMs: [500, 1000, 2000, 4000, 8000, 15000, 30000],
  idleMs: 30000,
  connections: 8,
}

/** A host never answered: what it would have said is not known. */
export class Unreachable extends UserError {}

/** A failure that may be over soon: a lost connection, a busy server. */
export class TransientError extends Error {
  /** `waitMs`: how long the server asks to be left alone. */
  constructor(
    message: string,
    readonly waitMs = 0,
  ) {
    super(message)
  }
}

/** Longest wait that a server may ask for. */
const LONGEST_WAIT_MS = 10 * 60 * 1000
/** Bytes between two failures that make the second one the first again: byte by byte nothing is ever finished. */
export const LEAST_PROGRESS = 1024
/** Attempts at a host that has not answered once: a wrong address or a missing network shows at the first. */
const MOST_CALLS = 3

/** Counts the failures of one piece of work, and waits after each until the next attempt is due. */
export class Retries {
  private failures = 0
  private bytes = 0

  /** `isHeard`: whether the host has answered anything yet. */
  constructor(
    private readonly what: string,
    private readonly network: NetworkOptions,
    private readonly isHeard: () => boolean,
    private readonly signal?: AbortSignal,
    private readonly onRetry?: (message: string) => void,
  ) {}

  /** Bytes have come, of so many: after enough of them the next failure is the first again. */
  progress(bytes: number, of: number): void {
    this.bytes += bytes
    if (this.bytes >= Math.min(LEAST_PROGRESS, of / 8)) this.failures = 0
  }

  /** Waits. Rejects with the signal's reason, or with a UserError when the failure is final or one too many. */
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
          ? 'check the connection (or proxy) and run the same command again: it goes on where it stopped'
          : 'check the connection, the proxy if there is one, and HF_ENDPOINT')
      throw this.isHeard() ? new UserError(message) : new Unreachable(message)
    }
    this.bytes = 0
    const asked = error instanceof TransientError ? Math.min(error.waitMs, LONGEST_WAIT_MS) : 0
    // Programs that lost the same server must not all come back at the same moment.
    const delay = Math.max(asked, retryDelaysMs[this.failures++] * (0.75 + 0.5 * Math.random()))
    this.onRetry?.(`${this.what}: ${why}; trying again in ${Math.ceil(delay / 1000)} s`)
    await sleep(delay, undefined, { signal: this.signal }).catch((error: unknown) => {
      this.signal?.throwIfAborted()
      throw error
    })
  }
}

/** How long an answer asks to wait: Retry-After in seconds or as a date, else `t=` of RateLimit. */
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

/** A certificate that cannot be trusted will not become better. */
function isFinal(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return /^(CERT_|ERR_TLS_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|ERR_INVALID_)/.test(code)
}
