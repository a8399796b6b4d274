import type { Model } from '../../api/model.js'
import { LIMITS } from '../shared/limits.js'
import { marginWithin, type Shares, sharesWithin } from './memory-shares.js'

/** Memory of the process, in bytes. */
export interface ProcessMemory {
  /** Bytes that it can still take. */
  available(): number
  /** Bytes that it takes now. */
  used(): number
}

/** Left free in any case, however much requests have taken already. */
const ALWAYS_FREE = 16 * 2 ** 20
/** A reading serves so long: each opens files of the system and holds the event loop. */
const READING_MS = 100

/** What is known of the process and its model since the start. */
interface Start {
  /** Bytes that were free for requests. */
  free: number
  margin: number
  /** Bytes that the process has had beside weights. */
  others: number
}

/** Counts how many tokens the caches of all sequences may have, so that the process keeps within the memory there is. */
export class CacheMemory {
  private tokenBytes = 0
  private weightsBytes = 0
  /** Bytes of experts that have not been read yet, and will stay in memory. */
  private weightsToCome = 0
  /** Most tokens that caches have had so far: their memory stays with the process, which uses it again. */
  private most = 0
  private start?: Start
  private looking?: Promise<void>
  /** The tokens there was memory for at the last reading, those in caches then among them. */
  private reading = { tokens: 0, at: Number.NEGATIVE_INFINITY }

  /** Without `memory` there is no limit. */
  constructor(
    private readonly model: Pick<Model, 'stats' | 'info'>,
    private readonly memory?: ProcessMemory,
    private readonly limits: Shares = LIMITS,
    private readonly now = () => performance.now(),
  ) {}

  /** Asks the engine for its state, which may take until the end of a micro-batch; questions at the same time are one. */
  look(): Promise<void> {
    this.looking ??= this.ask().finally(() => {
      this.looking = undefined
    })
    return this.looking
  }

  /** Resolves once `tokens` can be read. */
  async ready(): Promise<void> {
    if (this.tokenBytes === 0) await this.look()
  }

  /** What bodies and answers may take beside caches, once that is known. */
  async shares(): Promise<Shares> {
    await this.ready()
    return sharesWithin(this.limits, this.start?.free ?? Number.POSITIVE_INFINITY)
  }

  /** Notes that caches have so many tokens now. */
  note(tokens: number): void {
    this.most = Math.max(this.most, tokens)
  }

  /** Tokens that all caches may have together: as of a moment ago, but as of now where that is less than `wanted`. */
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
    const { cacheTokenBytes, weightsBytes, budgetBytes } = await this.model.stats()
    this.tokenBytes = cacheTokenBytes
    this.weightsBytes = weightsBytes
    this.weightsToCome = Math.max(0, Math.min(budgetBytes, this.model.info.bytes) - weightsBytes)
    if (!this.memory || this.start) return
    const free = this.memory.available() - this.weightsToCome
    const margin = marginWithin(this.limits, free)
    this.start = { free, margin, others: this.memory.used() - weightsBytes }
  }
}
