import { commonPrefix } from '../../../ground/common-prefix.js'
import type { ModelConfig } from '../../../model/config/config.js'
import type { ExpertMask, LayerMasks } from '../../../model/config/expert-mask.js'
import type { SequenceCache } from '../../../model/layers/cache/sequence-cache.js'
import type { Decoder } from '../../../model/layers/decoder.js'

/** All that the values of a sequence's cache depend on besides its tokens. Both parts are replaced when they change. */
export interface Conditions {
  config: ModelConfig
  masks?: LayerMasks
}

/** The conditions of tokens that run now, with a mask of their sequence. */
export function conditionsOf({ config, masks }: Decoder, mask?: ExpertMask): Conditions {
  return { config, masks: masks.of(mask) }
}

export function areSame(one: Conditions, other: Conditions): boolean {
  return one.config === other.config && one.masks === other.masks
}

/**
 * The part of a prompt that a stopped call has read: a cache with the tokens of its sequence and the first ones of the
 * prompt. It rests beside the sequence, which is as it was before the call.
 */
export class RestingPrompt {
  constructor(
    readonly cache: SequenceCache,
    private readonly prompt: Int32Array,
    /** Tokens of the sequence. */
    private readonly from: number,
    private readonly conditions: Conditions,
  ) {}

  /** The tokens of the prompt that are in the cache. */
  get tokens(): Int32Array {
    return this.prompt.slice(0, this.cache.length - this.from)
  }

  /** Gives its cache away, cut to what it shares with `most` tokens of a prompt. Frees it if that is nothing. */
  take(prompt: Int32Array, most: number, now: Conditions): SequenceCache | undefined {
    const { cache, from, tokens, conditions } = this
    const shared = areSame(conditions, now) ? commonPrefix(tokens, prompt, most) : 0
    cache.truncate(from + shared)
    if (shared > 0 && cache.length > from) return cache
    cache.release()
    return undefined
  }
}
