import { type ModelConfig, mixtureOf } from '../../../model/config/config.js'
import { usedIn } from '../../../model/config/experts-per-token.js'
import type { Layout } from '../../../model/packing/format/layout.js'

/** Share of a new time in the running means. */
const SHARE = 1 / 8
/** Limits of the factor, and of a time relative to the mean: other programs may hold up a step. */
const FACTORS = { least: 0.3, most: 4 }
const OUTLIER = 2
/** Factor before any step: several rows take longer to multiply than to read; bench/LAB.md has measurements. */
export const EXPECTED_FACTOR = 1.5
/** Way back to the expectation at each step of one token: an old measurement is worth less. */
const FADING = 1 / 64

export interface Measured {
  /** Time of a step beyond the time of a single one, relative to the bytes beyond its bytes. */
  factor: number
}

/**
 * Time of steps of several tokens relative to a step of one. It grows with the bytes that they read, of weights and
 * cached rows. Measured steps correct the factor.
 */
export class StepCosts {
  /** Mean milliseconds of a step of one token; 0 before the first. */
  private single = 0

  /** `bytesOf` gives the bytes that a step of some tokens reads. The texts of a model share `measured`. */
  constructor(
    private readonly bytesOf: (tokens: number) => number,
    private readonly measured: Measured = { factor: EXPECTED_FACTOR },
  ) {}

  /** Counts a step that ran alone. */
  count(tokens: number, ms: number): void {
    const { measured } = this
    if (tokens === 1) {
      const bounded = this.single === 0 ? ms : Math.min(ms, OUTLIER * this.single)
      this.single += (bounded - this.single) * (this.single === 0 ? 1 : SHARE)
      measured.factor += (EXPECTED_FACTOR - measured.factor) * FADING
    } else if (this.single > 0) {
      const factor = (ms / this.single - 1) / this.beyond(tokens)
      const bounded = Math.max(FACTORS.least, Math.min(FACTORS.most, factor))
      measured.factor += (bounded - measured.factor) * 2 * SHARE
    }
  }

  /** Expected time of a step, in steps of one token. */
  of(tokens: number): number {
    return 1 + this.measured.factor * this.beyond(tokens)
  }

  /** Bytes beyond the bytes of a single step, relative to these. */
  private beyond(tokens: number): number {
    return this.bytesOf(tokens) / this.bytesOf(1) - 1
  }
}

/** Bytes of weights that steps of several tokens read, if routers choose evenly and independently. */
export class StepBytes {
  /** Bytes that every step reads: dense parts. */
  private shared = 0
  /** Bytes of all experts, by the share of them that a token uses. */
  private readonly experts = new Map<number, number>()

  constructor(
    { parts }: Layout,
    readonly config: ModelConfig,
  ) {
    for (const { name, layer = 0, expert, bytes } of parts) {
      const mixture = expert && mixtureOf(config, expert.kind)
      if (mixture) {
        const share = usedIn(mixture, layer) / mixture.experts[layer]
        this.experts.set(share, (this.experts.get(share) ?? 0) + bytes)
      } else if (name !== 'embedding') this.shared += bytes
    }
  }

  of(tokens: number): number {
    let bytes = this.shared
    for (const [share, all] of this.experts) bytes += all * (1 - (1 - share) ** tokens)
    return bytes
  }
}
