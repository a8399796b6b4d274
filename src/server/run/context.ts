import type { Model } from '../../api/model.js'
import type { Tokenizer } from '../../api/text.js'
import type { PrefixCache } from '../../engine/session/shared/prefix-cache.js'
import type { ExpertMask } from '../../model/config/expert-mask.js'
import type { Limits } from '../common/limits.js'
import type { Memory } from './memory.js'
import type { RunMetrics } from './metrics.js'

/** Parts of the server that run a choice. */
export interface RunContext {
  model: Model
  prefixCache: PrefixCache
  metrics: RunMetrics
  limits: Limits
  memory: Memory
  /** Mask of all requests, in addition to their own. */
  mask?: ExpertMask
}

/** The model's tokenizer; undefined if the model came without one. */
export function tokenizerOf({ model }: Pick<RunContext, 'model'>): Tokenizer | undefined {
  return model.hasTokenizer ? model.tokenizer : undefined
}
