import type { HonoRequest } from 'hono'
import { ApiError, ClientGone } from './errors.js'
import type { Limits } from './limits.js'

/** A body up to this size is always received: as many as there are connections take little. */
const SMALL_BYTES = 64 * 2 ** 10

/** Whether a request's body is large, or does not say how long it is. */
export function hasLargeBody(request: HonoRequest): boolean {
  return !(Number(request.header('Content-Length') ?? Infinity) <= SMALL_BYTES)
}

/**
 * Receives bodies. Together they are bounded: when a growing body passes the bound, the body that has been underway for the
 * longest is dropped, so that slow senders do not lock out quick ones.
 */
export class Bodies {
  /** Bodies of more than a small size, oldest first. */
  private readonly large = new Set<Body>()

  constructor(private readonly limits: Pick<Limits, 'bodyBytes' | 'bodiesBytes'>) {}

  /**
   * Resolves with the bytes of a stream. Rejects with an ApiError if it is too long (413) or was dropped (503), and with
   * ClientGone if it breaks off. `declared` is the length that the client announced, if it did.
   */
  async receive(stream: ReadableStream<Uint8Array> | null, declared?: number): Promise<Uint8Array> {
    const { bodyBytes } = this.limits
    if ((declared ?? 0) > bodyBytes) throw tooLarge(bodyBytes)
    if (!stream) return new Uint8Array(0)
    const body = new Body(stream.getReader())
    try {
      for (let chunk = await body.next(); chunk; chunk = await body.next()) {
        if (body.length + chunk.length > bodyBytes) throw tooLarge(bodyBytes)
        body.add(chunk)
        if (body.capacity > SMALL_BYTES) this.makeRoom(body)
      }
      return body.bytes
    } finally {
      this.large.delete(body)
    }
  }

  private makeRoom(growing: Body): void {
    this.large.add(growing)
    let total = 0
    for (const { capacity } of this.large) total += capacity
    for (const body of this.large) {
      if (total <= this.limits.bodiesBytes) return
      total -= body.capacity
      this.large.delete(body)
      body.drop()
    }
  }
}

/** A body underway, in one buffer: clients choose how small their chunks are, and each chunk kept would cost memory. */
class Body {
  length = 0
  private buffer = new Uint8Array(4 * 2 ** 10)
  private isDropped = false

  constructor(private readonly reader: ReadableStreamDefaultReader<Uint8Array>) {}

  get capacity(): number {
    return this.buffer.length
  }

  get bytes(): Uint8Array {
    return this.buffer.subarray(0, this.length)
  }

  /** The next chunk, or undefined at the end. */
  async next(): Promise<Uint8Array | undefined> {
    try {
      const { done, value } = await this.reader.read()
      if (!this.isDropped) return done ? undefined : value
    } catch {
      if (!this.isDropped) throw new ClientGone('the client has gone')
    }
    const message = 'the server receives too many large bodies at once; try again later'
    throw new ApiError(503, message, { code: 'too_many_bodies', retryAfter: 2 })
  }

  add(chunk: Uint8Array): void {
    const length = this.length + chunk.length
    if (length > this.capacity) {
      const larger = new Uint8Array(Math.max(length, 2 * this.capacity))
      larger.set(this.bytes)
      this.buffer = larger
    }
    this.buffer.set(chunk, this.length)
    this.length = length
  }

  /** Gives its memory back; `next` rejects. */
  drop(): void {
    this.isDropped = true
    this.buffer = new Uint8Array(0)
    this.length = 0
    this.reader.cancel().catch(() => undefined)
  }
}

function tooLarge(most: number): ApiError {
  return new ApiError(413, `a request's body may have ${most} bytes`, { code: 'too_large' })
}
