import type { IncomingMessage } from 'node:http'
import { UserError } from '../errors.js'
import { allowManyListeners } from '../platform/listeners.js'
import { printable } from '../printable.js'
import type { HubEnvironment } from './environment.js'
import { httpError, type Subject } from './http-errors.js'
import { type NetworkOptions, Retries, TransientError } from './retry.js'
import { type Reply, Transport } from './transport.js'

/** A file of a repository at one commit. */
export interface HubFile {
  repo: string
  commit: string
  name: string
  size: number
}

export interface ClientOptions {
  environment: Pick<HubEnvironment, 'endpoint' | 'token'>
  network: NetworkOptions
  signal?: AbortSignal
  /** Told, in a line for the user, whenever something is tried again. */
  onRetry?: (message: string) => void
}

/** The server sends whole files where a part of one was asked for. */
export class RangeIgnored extends UserError {}

const MOST_REDIRECTS = 5
/** Largest answer to a question about a repository. */
const MOST_ANSWER_BYTES = 32 * 2 ** 20
/** Most questions about one repository. A page of a listing has a thousand files. */
const MOST_QUESTIONS = 100
/** Most bytes thrown away to reach a range in a whole file that a server sends instead. */
const MOST_SKIPPED_BYTES = 32 * 2 ** 20

/** Talks to the hub: the token goes to the hub's own host alone, whatever a redirect or link leads to. */
export class HubClient {
  private readonly transport: Transport
  /** Where the storage host keeps a file, for as long as the hub's permission lasts. */
  private readonly stored = new Map<string, URL>()
  /** Whether the hub, or what stands before it, has answered anything. */
  private isHeard = false

  private readonly aborter = new AbortController()

  constructor(private readonly options: ClientOptions) {
    const { network, signal } = options
    this.transport = new Transport(network.idleMs, network.connections)
    // Many requests listen at once, for which the caller's signal would have to be set up.
    allowManyListeners(this.aborter.signal)
    if (signal?.aborted) this.abort()
    signal?.addEventListener('abort', this.abort)
  }

  /** Ends what is under way. */
  close(): void {
    this.options.signal?.removeEventListener('abort', this.abort)
    this.transport.close()
  }

  /** A failure counter for a piece of work that errors call `what`. */
  retries(what: string): Retries {
    const { network, onRetry } = this.options
    return new Retries(what, network, () => this.isHeard, this.aborter.signal, onRetry)
  }

  /**
   * A `fetch` for questions about a repository; every answer but a good one rejects with a UserError. So does a question
   * at an address that is less safe than the hub's, or one that was asked before: a listing names its next page.
   */
  fetchFor(repo: string, revision: string): typeof fetch {
    const asked = new Set<string>()
    return async (input) => {
      const url = new URL(input instanceof Request ? input.url : input)
      const subject = { what: repo, repo, revision, hasToken: this.hasToken }
      if (!isAsSafe(url, new URL(this.options.environment.endpoint))) throw unsafe(subject, url, 'goes on')
      if (asked.has(url.href) || asked.size >= MOST_QUESTIONS) {
        throw new UserError(`${repo}: ${url.host} lists its files without an end`)
      }
      asked.add(url.href)
      const retries = this.retries(repo)
      for (;;) {
        try {
          const reply = await this.follow(url, { accept: 'application/json' }, subject)
          const body = await readAnswer(reply)
          return new Response(body, { status: reply.status, headers: plainHeaders(reply) })
        } catch (error) {
          await retries.wait(error)
        }
      }
    }
  }

  /**
   * Bytes `start` to `end` (excluded) of a file as they arrive, at one attempt: fewer may come before it fails.
   * Never gives more. Rejects with RangeIgnored when the server would have to send too much for it.
   */
  private async *range(file: HubFile, start: number, end: number): AsyncGenerator<Uint8Array> {
    const { repo, commit, name, size } = file
    const subject = { what: `${repo}/${name}`, repo, revision: commit, hasToken: this.hasToken }
    const path = `${repo}/resolve/${commit}/${encodeURIComponent(name)}`
    const isWhole = start === 0 && end === size
    const headers: Record<string, string> = isWhole ? {} : { range: `bytes=${start}-${end - 1}` }
    const known = this.stored.get(path)
    const url = known ?? new URL(`${this.options.environment.endpoint}/${path}`)
    try {
      const reply = await this.follow(url, headers, subject)
      // Some servers answer a range with the whole file: what lies before it is then thrown away.
      const skip = checkExtent(reply, file, start, end)
      if (!this.isHub(reply.url)) this.stored.set(path, reply.url)
      yield* piecesOf(reply.body, skip, end - start)
    } catch (error) {
      this.stored.delete(path)
      // A permission that was good for a while may have expired: the hub gives a new one.
      if (known && error instanceof UserError && !(error instanceof RangeIgnored)) {
        throw new TransientError(`the storage refused (${error.message})`)
      }
      throw error
    }
  }

  /**
   * Bytes `start` to `end` (excluded) of a file as they arrive. Lost connections are taken up at the byte that is
   * missing. Rejects with a UserError when that fails too often, and as `range` does.
   */
  async *bytes(file: HubFile, start: number, end: number): AsyncGenerator<Uint8Array> {
    const retries = this.retries(`${file.repo}/${file.name}`)
    let at = start
    while (at < end) {
      const from = at
      try {
        for await (const piece of this.range(file, at, end)) {
          at += piece.length
          retries.progress(piece.length, end - from)
          yield piece
        }
      } catch (error) {
        await retries.wait(error)
      }
    }
  }

  private readonly abort = () => this.aborter.abort(this.options.signal?.reason)

  get isAborted(): boolean {
    return this.aborter.signal.aborted
  }

  private get hasToken(): boolean {
    return this.options.environment.token !== undefined
  }

  /** The answer at the end of a row of redirects, with a good status. */
  private async follow(url: URL, headers: Record<string, string>, subject: Subject): Promise<Reply> {
    let at = url
    for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
      const reply = await this.transport.get(at, this.headersFor(at, headers), this.aborter.signal)
      this.isHeard = true
      if (reply.status === 200 || reply.status === 206) return reply
      discard(reply)
      const { location } = reply.headers
      if (!(reply.status >= 300 && reply.status < 400 && location)) throw httpError(reply, subject)
      at = redirected(at, location, subject)
    }
    throw new UserError(`${subject.what}: ${url.host} sends from one address to the next without an end`)
  }

  private headersFor(url: URL, headers: Record<string, string>): Record<string, string> {
    const { token } = this.options.environment
    const own = { 'user-agent': 'molm', 'accept-encoding': 'identity', ...headers }
    return token && this.isHub(url) ? { ...own, authorization: `Bearer ${token}` } : own
  }

  private isHub(url: URL): boolean {
    return url.origin === new URL(this.options.environment.endpoint).origin
  }
}

function redirected(from: URL, location: string, subject: Subject): URL {
  if (!URL.canParse(location, from.href)) throw new UserError(`${subject.what}: ${from.host} redirects to no address`)
  const to = new URL(location, from.href)
  if (!isAsSafe(to, from)) throw unsafe(subject, to, 'redirects')
  return to
}

/** Whether going from one address to another keeps what protects the connection. */
function isAsSafe(to: URL, from: URL): boolean {
  return to.protocol === 'https:' || (to.protocol === 'http:' && from.protocol === 'http:')
}

function unsafe({ what }: Subject, to: URL, how: string): UserError {
  const place = to.origin === 'null' ? to.protocol : to.origin
  return new UserError(`${what}: the hub ${how} to the unsafe address ${printable(place)}`)
}

/**
 * Checks that an answer is the range asked for, out of a file of the length that the hub has told. Returns how many
 * bytes come before it. The length of the body itself shows when it is read.
 */
function checkExtent({ status, headers, body }: Reply, file: HubFile, start: number, end: number): number {
  const refuse = (error: Error) => {
    body.destroy()
    return error
  }
  if (status === 206) {
    const found = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(headers['content-range'] ?? '')
    const isRight = found && Number(found[1]) === start && Number(found[2]) < end
    const isSameFile = found && (found[3] === '*' || Number(found[3]) === file.size)
    if (isRight && isSameFile) return 0
    throw refuse(
      new TransientError(
        `the server sent '${printable(headers['content-range'] ?? 'no range')}' for bytes ${start}-${end - 1} of ${file.size}`,
      ),
    )
  }
  const length = headers['content-length']
  if (length !== undefined && Number(length) !== file.size) {
    throw refuse(new TransientError(`the server sends ${Number(length)} bytes, the file has ${file.size}`))
  }
  if (start <= MOST_SKIPPED_BYTES) return start
  throw refuse(
    new RangeIgnored(
      `${file.repo}/${file.name}: the server sends whole files only (it ignores ranges)\n` +
        'pull with `keep`: it fetches whole files and packs them from the disk',
    ),
  )
}

/** `length` bytes of a body after the first `skip`. Fails when there are not so many; more are left unread. */
async function* piecesOf(body: IncomingMessage, skip: number, length: number): AsyncGenerator<Uint8Array> {
  let from = -skip
  for await (const piece of body as AsyncIterable<Buffer>) {
    const begin = Math.max(0, -from)
    const part = piece.subarray(begin, Math.max(begin, length - from))
    from += piece.length
    if (part.length > 0) yield part
    // A body of the right length is read to its end, or the connection could not be used again.
    if (from > length) return
  }
  if (from < length) throw new TransientError('the connection ended early')
}

/** Leaves a body unread. A short one is read away instead, which keeps the connection. */
function discard({ body, headers }: Reply): void {
  if (Number(headers['content-length'] ?? 0) <= 65536) body.resume()
  else body.destroy()
}

async function readAnswer({ body, url }: Reply): Promise<Buffer> {
  const pieces: Buffer[] = []
  let bytes = 0
  for await (const piece of body as AsyncIterable<Buffer>) {
    bytes += piece.length
    if (bytes > MOST_ANSWER_BYTES) throw new UserError(`${url.host}: the answer about the model has no end`)
    pieces.push(piece)
  }
  return Buffer.concat(pieces)
}

function plainHeaders({ headers }: Reply): Headers {
  const plain = new Headers()
  for (const [name, value] of Object.entries(headers)) if (value !== undefined) plain.set(name, String(value))
  return plain
}
