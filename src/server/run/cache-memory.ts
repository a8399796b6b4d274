import type { Model } from '../../api/model.js'
import type { TokenMemory } from '../../engine/session/shared/prefix-cache.js'
import type { Memory, ModelMemory } from './memory.js'

/** Milliseconds for which a reading is used again: each opens system files and blocks the event loop. */
const READING_MS = 100

/** Computes how many tokens the caches of a model's sequences may have, so that the process fits into memory. */
export class CacheMemory implements TokenMemory {
  private tokenBytes = 0
  private sequenceBytes = 0
  private weightsBytes = 0
  private weightsToCome = 0
  /** Maximum of tokens in caches so far. Their memory stays with the process, which reuses it. */
  private most = 0
  private looking?: Promise<void>
  /** Tokens that memory was enough for at the last reading, including those in caches. */
  private reading = { tokens: 0, at: Number.NEGATIVE_INFINITY }

  constructor(
    private readonly model: Pick<Model, 'stats' | 'info'>,
    private readonly memory: Memory,
    private readonly now = () => performance.now(),
  ) {}

  /** Asks the engine for its state, which may take until the end of a micro-batch. Concurrent calls share one request. */
  look(): Promise<void> {
    this.looking ??= this.ask().finally(() => {
      this.looking = undefined
    })
    return this.looking
  }

  async ready(): Promise<void> {
    if (this.tokenBytes === 0) await this.look()
  }

  get sequenceTokens(): number {
    return Math.ceil(this.sequenceBytes / Math.max(1, this.tokenBytes))
  }

  /** As of the last look. */
  get taken(): ModelMemory {
    if (this.tokenBytes === 0) return { held: 0, toCome: this.model.info.bytes }
    return { held: this.weightsBytes + this.most * this.tokenBytes, toCome: this.weightsToCome }
  }

  note(tokens: number): void {
    this.most = Math.max(this.most, tokens)
  }

  /** Reads the memory again if the last reading is old or below `wanted`. */
  tokensFor(wanted: number): number {
    const now = this.now()
    if (now - this.reading.at > READING_MS || this.reading.tokens < wanted) {
      const more = Math.max(0, Math.floor(this.memory.forCaches / this.tokenBytes))
      this.reading = { tokens: this.most + more, at: now }
    }
    return this.reading.tokens
  }

  private async ask(): Promise<void> {
    const { cacheTokenBytes, cacheSequenceBytes, weightsBytes, budgetBytes } = await this.model.stats()
    const isFirst = this.tokenBytes === 0
    // A model whose layers all have windows takes no memory for a token.
    this.tokenBytes = Math.max(1, cacheTokenBytes)
    this.sequenceBytes = cacheSequenceBytes
    this.weightsBytes = weightsBytes
    this.weightsToCome = Math.max(0, Math.min(budgetBytes, this.model.info.bytes) - weightsBytes)
    if (isFirst) this.memory.divide()
  }
}
