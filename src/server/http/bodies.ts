import type { HonoRequest } from 'hono'
import { ApiError, ClientGone } from '../common/api-error.js'
import type { Holding, Memory } from '../run/memory.js'

/** A larger body is large, and its buffer grows in steps of this size. */
const SMALL_BYTES = 64 * 2 ** 10

/** Whether a request's body is large, or its length is unknown. */
export function hasLargeBody(request: HonoRequest): boolean {
  return !(Number(request.header('Content-Length') ?? Infinity) <= SMALL_BYTES)
}

/** A received body. It holds memory until it is released. */
export type ReceivedBody = Pick<Body, 'bytes' | 'parsed' | 'release'>

/**
 * Receives bodies, and bounds their memory together until they are released. When a body exceeds the bound, the oldest one
 * still being received is dropped, so that slow senders do not lock out fast ones.
 */
export class Bodies {
  /** Bodies of more than a small part, oldest first. */
  private readonly counted = new Set<Body>()

  constructor(private readonly memory: Memory) {}

  /**
   * Receives a body. Rejects with an ApiError if it is too long (413) or dropped (503), and with ClientGone if the
   * connection closes. `declared` is its Content-Length, if the client sent one.
   */
  async receive(stream: ReadableStream<Uint8Array> | null, declared = 0): Promise<ReceivedBody> {
    const { bodyBytes } = this.memory.limits
    if (declared > bodyBytes) throw tooLarge(bodyBytes)
    const holding = this.memory.hold('bodies')
    const body = new Body(
      { holding, grown: () => this.makeRoom(body), released: () => this.counted.delete(body) },
      stream?.getReader(),
    )
    try {
      for (let chunk = await body.next(); chunk; chunk = await body.next()) {
        if (body.length + chunk.length > bodyBytes) throw tooLarge(bodyBytes)
        body.add(chunk, bodyBytes)
      }
      return body
    } catch (error) {
      body.release()
      throw error
    }
  }

  /** Counts a body that has grown, and drops unfinished ones beyond the bound, this one included. */
  private makeRoom(grown: Body): void {
    if (grown.count()) this.counted.add(grown)
    for (const body of this.counted) {
      if (!this.memory.isOver('bodies')) return
      if (body === grown || body.isUnderway) body.drop()
    }
  }
}

/** A body in one buffer. A client may send tiny chunks, and each chunk kept would cost memory besides its bytes. */
class Body {
  length = 0
  isUnderway = true
  private isReleased = false
  private isDropped = false
  private kept = 0
  private buffer = new ArrayBuffer(0)

  constructor(
    private readonly memory: { holding: Holding; grown(): void; released(): void },
    private readonly reader?: ReadableStreamDefaultReader<Uint8Array>,
  ) {}

  /** Counts its memory. Returns false if it has always been small. */
  count(): boolean {
    return this.memory.holding.set(this.buffer.byteLength + this.kept)
  }

  /** Empty once the body has been parsed or released. */
  get bytes(): Uint8Array {
    return new Uint8Array(this.buffer, 0, this.length)
  }

  /** The next chunk, or undefined at the end. */
  async next(): Promise<Uint8Array | undefined> {
    try {
      const next = await this.reader?.read()
      if (!this.isDropped) {
        this.isUnderway = next !== undefined && !next.done
        return next?.value
      }
    } catch {
      if (!this.isDropped) throw new ClientGone()
    }
    throw tooMany()
  }

  /** Adds a chunk to a body that may have `most` bytes. */
  add(chunk: Uint8Array, most: number): void {
    const length = this.length + chunk.length
    if (length > this.buffer.byteLength) this.grow(length, most)
    new Uint8Array(this.buffer).set(chunk, this.length)
    this.length = length
    this.memory.grown()
  }

  /**
   * Frees the memory of `bytes` and counts `kept` bytes instead, for the values parsed from them. Throws an ApiError
   * (503) if there is no room for those.
   */
  parsed(kept: number): void {
    this.empty()
    this.kept = kept
    if (!this.isReleased) this.memory.grown()
    if (this.isDropped) throw tooMany()
  }

  /** Frees its memory and makes `next` reject. */
  drop(): void {
    this.isDropped = true
    this.release()
    this.reader?.cancel().catch(() => undefined)
  }

  /** Frees all memory. May be called again. */
  release(): void {
    this.isReleased = true
    this.kept = 0
    this.empty()
    this.count()
    this.memory.released()
  }

  /** A large buffer grows in place: a copy would leave the old one in memory until it is collected. */
  private grow(length: number, most: number): void {
    const { buffer } = this
    if (buffer.resizable) return buffer.resize(Math.min(most, Math.ceil(length / SMALL_BYTES) * SMALL_BYTES))
    const isLarge = length > SMALL_BYTES
    this.buffer = isLarge
      ? new ArrayBuffer(length, { maxByteLength: most })
      : new ArrayBuffer(Math.min(SMALL_BYTES, Math.max(length, 2 * buffer.byteLength)))
    new Uint8Array(this.buffer).set(new Uint8Array(buffer, 0, this.length))
  }

  private empty(): void {
    if (this.buffer.resizable) this.buffer.resize(0)
    this.buffer = new ArrayBuffer(0)
    this.length = 0
  }
}

function tooLarge(most: number): ApiError {
  return new ApiError(413, `the body is larger than the limit of ${most} bytes`, { code: 'too_large' })
}

function tooMany(): ApiError {
  const message = 'the server has too many large bodies at once; try again later'
  return new ApiError(503, message, { code: 'too_many_bodies', retryAfter: 2 })
}
