import { UserError } from '../errors.js'
import type { ModelConfig } from './config.js'

/**
 * What the gates of the experts that are left are: probabilities of the softmax over those alone, or still of the
 * softmax over all, which gives them less when what is gone was wanted.
 */
export type GateSoftmax = 'kept' | 'all'

/** Experts that are not to be chosen. */
export interface ExpertMask {
  /** Per layer the ids of the experts that are out of use. */
  attention: number[][]
  mlp: number[][]
  gates: GateSoftmax
}

/** A layer's share of a mask, as its router needs it. */
export interface RouterMask {
  /** 1 for each expert that is out of use. */
  out: Uint8Array
  gates: GateSoftmax
}

/** Prepares a mask for the routers. Throws a UserError when it does not fit the model or leaves too few experts. */
export function routerMasks(mask: ExpertMask, config: ModelConfig): Record<'attention' | 'mlp', RouterMask[]> {
  const masks = (kind: 'attention' | 'mlp', experts: number[], k: number) =>
    experts.map((count, layer): RouterMask => {
      const ids = mask[kind][layer] ?? []
      const out = new Uint8Array(count)
      for (const id of ids) {
        if (!(id >= 0 && id < count)) throw new UserError(`layer ${layer} has no ${kind} expert ${id}`)
        out[id] = 1
      }
      const left = out.reduce((sum, isOut) => sum - isOut, count)
      if (left >= k) return { out, gates: mask.gates }
      throw new UserError(`layer ${layer} would have ${left} ${kind} experts left, but a token uses ${k}`)
    })
  return {
    attention: masks('attention', config.attentionExperts, config.topKAttention),
    mlp: masks('mlp', config.mlpExperts, config.topKMlp),
  }
}
