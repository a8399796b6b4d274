import type { IncomingMessage } from 'node:http'
import { UserError } from '../../../ground/errors.js'
import { option, phrase } from '../../../ground/message.js'
import { allowManyListeners } from '../../../ground/platform/listeners.js'
import { printable } from '../../../ground/printable.js'
import type { HubEnvironment } from './environment.js'
import { httpError, type Subject } from './http-errors.js'
import { type NetworkOptions, Retries, TransientError } from './retry.js'
import { type Reply, Transport } from './transport.js'

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
  /** Called with a line for the user whenever a request is tried again. */
  onRetry?: (message: string) => void
}

export class RangeIgnored extends UserError {}

const MOST_REDIRECTS = 5
/** Maximum bytes of an answer about a repository. */
const MOST_ANSWER_BYTES = 32 * 2 ** 20
/** Maximum requests about one repository. A page of a listing has a thousand files. */
const MOST_QUESTIONS = 100
/** Maximum bytes skipped to reach a range, if a server sends the whole file instead. */
const MOST_SKIPPED_BYTES = 32 * 2 ** 20

/** Client of the hub. It sends the token to the hub's own host alone, whatever a redirect or link leads to. */
export class HubClient {
  private readonly transport: Transport
  /** Addresses of files on the storage host, valid as long as the hub's permission lasts. */
  private readonly stored = new Map<string, URL>()
  /** Whether the hub, or a proxy before it, has answered at all. */
  private isHeard = false

  private readonly aborter = new AbortController()

  constructor(private readonly options: ClientOptions) {
    const { network, signal } = options
    this.transport = new Transport(network.idleMs, network.connections)
    // Many requests listen at once; on the caller's own signal Node would warn of a leak.
    allowManyListeners(this.aborter.signal)
    if (signal?.aborted) this.abort()
    signal?.addEventListener('abort', this.abort)
  }

  close(): void {
    this.options.signal?.removeEventListener('abort', this.abort)
    this.transport.close()
  }

  /** Creates a failure counter for some work, which errors call `what`. */
  retries(what: string): Retries {
    const { network, onRetry } = this.options
    return new Retries(what, network, () => this.isHeard, this.aborter.signal, onRetry)
  }

  /**
   * Creates a `fetch` for requests about a repository. It rejects with a UserError on any failure. It refuses an
   * address less safe than the hub's, and an address that it has fetched before, since each page of a listing names the
   * next.
   */
  fetchFor(repo: string, revision: string): typeof fetch {
    const asked = new Set<string>()
    return async (input) => {
      const url = new URL(input instanceof Request ? input.url : input)
      const subject = { what: repo, repo, revision, hasToken: this.hasToken }
      if (!isAsSafe(url, new URL(this.options.environment.endpoint))) throw unsafe(subject, url, 'leads')
      if (asked.has(url.href) || asked.size >= MOST_QUESTIONS) {
        throw new UserError(`${repo}: ${url.host} lists its files without end`)
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
   * Yields the bytes from `start` to `end` (exclusive) of a file as they arrive, in one attempt. May fail after a part
   * of them. Rejects with RangeIgnored if the server sends the whole file and too much of it would have to be skipped.
   */
  private async *range(file: HubFile, start: number, end: number): AsyncGenerator<Uint8Array> {
    const { repo, commit, name, size } = file
    const subject = { what: `${repo}/${name}`, repo, revision: commit, hasToken: this.hasToken }
    const path = `${repo}/resolve/${commit}/${name.split('/').map(encodeURIComponent).join('/')}`
    const isWhole = start === 0 && end === size
    const headers: Record<string, string> = isWhole ? {} : { range: `bytes=${start}-${end - 1}` }
    const known = this.stored.get(path)
    const url = known ?? new URL(`${this.options.environment.endpoint}/${path}`)
    try {
      const reply = await this.follow(url, headers, subject)
      // Some servers answer a range request with the whole file: the bytes before the range are then skipped.
      const skip = checkExtent(reply, file, start, end)
      if (!this.isHub(reply.url)) this.stored.set(path, reply.url)
      yield* piecesOf(reply.body, skip, end - start)
    } catch (error) {
      this.stored.delete(path)
      // The permission may have expired: the hub gives a new one.
      if (known && error instanceof UserError && !(error instanceof RangeIgnored)) {
        throw new TransientError(`the storage refused (${error.message})`)
      }
      throw error
    }
  }

  /**
   * Yields the bytes from `start` to `end` (exclusive) of a file as they arrive. After a lost connection, resumes at
   * the first missing byte. Rejects with a UserError after too many failures, and as `range` does.
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

  /** Follows redirects to an answer with a good status. */
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
    throw new UserError(`${subject.what}: ${url.host} redirects without end`)
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
  if (!URL.canParse(location, from.href))
    throw new UserError(`${subject.what}: ${from.host} redirects to an invalid address`)
  const to = new URL(location, from.href)
  if (!isAsSafe(to, from)) throw unsafe(subject, to, 'redirects')
  return to
}

/** Whether an address keeps the encryption of the one that leads to it. */
function isAsSafe(to: URL, from: URL): boolean {
  return to.protocol === 'https:' || (to.protocol === 'http:' && from.protocol === 'http:')
}

function unsafe({ what }: Subject, to: URL, how: string): UserError {
  const place = to.origin === 'null' ? to.protocol : to.origin
  return new UserError(`${what}: the hub ${how} to the unsafe address ${printable(place)}`)
}

/** Checks that an answer is the requested range of a file. Returns the bytes to skip before it. */
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
      phrase`${file.repo}/${file.name}: the server sends whole files only (it ignores ranges)\npull with ${option('keep')}: it fetches whole files and packs them from the disk`,
    ),
  )
}

/** Yields `length` bytes of a body after the first `skip`. Fails if there are fewer; leaves further bytes unread. */
async function* piecesOf(body: IncomingMessage, skip: number, length: number): AsyncGenerator<Uint8Array> {
  let from = -skip
  for await (const piece of body as AsyncIterable<Buffer>) {
    const begin = Math.max(0, -from)
    const part = piece.subarray(begin, Math.max(begin, length - from))
    from += piece.length
    if (part.length > 0) yield part
    // A body of the right length is read to its end, so that the connection can be used again.
    if (from > length) return
  }
  if (from < length) throw new TransientError('the connection ended early')
}

/** Discards a body: reads a short one, which keeps the connection, and destroys a long one. */
function discard({ body, headers }: Reply): void {
  if (Number(headers['content-length'] ?? 0) <= 65536) body.resume()
  else body.destroy()
}

async function readAnswer({ body, url }: Reply): Promise<Buffer> {
  const pieces: Buffer[] = []
  let bytes = 0
  for await (const piece of body as AsyncIterable<Buffer>) {
    bytes += piece.length
    if (bytes > MOST_ANSWER_BYTES) throw new UserError(`${url.host}: the answer about the model is too long`)
    pieces.push(piece)
  }
  return Buffer.concat(pieces)
}

function plainHeaders({ headers }: Reply): Headers {
  const plain = new Headers()
  for (const [name, value] of Object.entries(headers)) if (value !== undefined) plain.set(name, String(value))
  return plain
}
