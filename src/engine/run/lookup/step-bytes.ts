import { type ModelConfig, mixtureOf } from '../../../model/config/config.js'
import { usedIn } from '../../../model/config/experts-per-token.js'
import type { Layout } from '../../../model/packing/format/layout.js'

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

  /** Bytes of a step of some tokens. */
  of(tokens: number): number {
    let bytes = this.shared
    for (const [share, all] of this.experts) bytes += all * (1 - (1 - share) ** tokens)
    return bytes
  }
}
