import type { Model } from '../../api/model.js'
import { LIMITS } from '../common/limits.js'
import { marginWithin, type Shares, sharesWithin } from './memory-shares.js'

/** Memory of the process, in bytes. */
export interface ProcessMemory {
  /** Bytes that the process can still take. */
  available(): number
  /** Bytes that the process takes now. */
  used(): number
}

/** Bytes left free in any case, however much requests have taken. */
const ALWAYS_FREE = 16 * 2 ** 20
/** Milliseconds for which a reading is used again: each opens system files and blocks the event loop. */
const READING_MS = 100

/** State of the process when the model had been loaded. */
interface Start {
  /** Bytes that were free for requests. */
  free: number
  margin: number
  /** Bytes that the process took in addition to weights. */
  others: number
}

/** Computes how many tokens the caches of all sequences may have, so that the process fits into memory. */
export class CacheMemory {
  private tokenBytes = 0
  private sequenceBytes = 0
  private weightsBytes = 0
  /** Bytes of experts that are yet to be read, and then stay in memory. */
  private weightsToCome = 0
  /** Maximum of tokens in caches so far. Their memory stays with the process, which reuses it. */
  private most = 0
  private start?: Start
  private looking?: Promise<void>
  /** Tokens that memory was enough for at the last reading, including those in caches. */
  private reading = { tokens: 0, at: Number.NEGATIVE_INFINITY }

  /** Without `memory` there is no bound. */
  constructor(
    private readonly model: Pick<Model, 'stats' | 'info'>,
    private readonly memory?: ProcessMemory,
    private readonly limits: Shares = LIMITS,
    private readonly now = () => performance.now(),
  ) {}

  /** Asks the engine for its state, which may take until the end of a micro-batch. Concurrent calls share one request. */
  look(): Promise<void> {
    this.looking ??= this.ask().finally(() => {
      this.looking = undefined
    })
    return this.looking
  }

  /** Resolves once `tokensFor` can be called. */
  async ready(): Promise<void> {
    if (this.tokenBytes === 0) await this.look()
  }

  /** Resolves with the limits of bodies and answers. */
  async shares(): Promise<Shares> {
    await this.ready()
    return sharesWithin(this.limits, this.start?.free ?? Number.POSITIVE_INFINITY)
  }

  /** Tokens that take as much memory as the windows and running states of a sequence. */
  get sequenceTokens(): number {
    return Math.ceil(this.sequenceBytes / Math.max(1, this.tokenBytes))
  }

  /** Bytes of weights and caches that are in memory, and of experts that are yet to be read, as of the last look. */
  get taken(): { held: number; toCome: number } {
    if (this.tokenBytes === 0) return { held: 0, toCome: this.model.info.bytes }
    return { held: this.weightsBytes + this.most * this.tokenBytes, toCome: this.weightsToCome }
  }

  /** Records the number of tokens that are in caches now. */
  note(tokens: number): void {
    this.most = Math.max(this.most, tokens)
  }

  /** Tokens that all caches may have together. Reads the memory again if the last reading is old or below `wanted`. */
  tokensFor(wanted: number): number {
    const { memory, start, now } = this
    if (!memory || !start) return Number.POSITIVE_INFINITY
    if (now() - this.reading.at > READING_MS || this.reading.tokens < wanted) {
      this.reading = { tokens: this.read(memory, start), at: now() }
    }
    return this.reading.tokens
  }

  private read(memory: ProcessMemory, { margin, others }: Start): number {
    const { tokenBytes, most } = this
    const taken = memory.used() - this.weightsBytes - most * tokenBytes - others
    const free = memory.available() - this.weightsToCome - Math.max(ALWAYS_FREE, margin - Math.max(0, taken))
    return most + Math.max(0, Math.floor(free / tokenBytes))
  }

  private async ask(): Promise<void> {
    const { cacheTokenBytes, cacheSequenceBytes, weightsBytes, budgetBytes } = await this.model.stats()
    // A model whose layers all have windows takes no memory for a token.
    this.tokenBytes = Math.max(1, cacheTokenBytes)
    this.sequenceBytes = cacheSequenceBytes
    this.weightsBytes = weightsBytes
    this.weightsToCome = Math.max(0, Math.min(budgetBytes, this.model.info.bytes) - weightsBytes)
    if (!this.memory || this.start) return
    const free = this.memory.available() - this.weightsToCome
    const margin = marginWithin(this.limits, free)
    this.start = { free, margin, others: this.memory.used() - weightsBytes }
  }
}
