import type { LayerCache } from '../nn/cache/layer-cache.js'
import { type DecoderConfig, groupedCache } from './decoder-config.js'

/*
 * Models whose attention has a window in some layers.
 */

export interface SlidingConfig extends DecoderConfig {
  /** Whether a token sees only the last `slidingWindow` keys, its own included, in each layer. */
  isSliding: boolean[]
  /** 0 if no layer has a window. */
  slidingWindow: number
}

/** A layer's cache: within the window, if it has one. */
export function slidingCache(config: SlidingConfig, layer: number): LayerCache {
  const { isSliding, slidingWindow: window } = config
  return groupedCache(isSliding[layer] ? { ...config, window } : config)
}

/** The window in words; none if no layer has one. */
export function slidingWords({ isSliding, slidingWindow, layers }: SlidingConfig): string[] {
  const sliding = isSliding.filter((is) => is).length
  return sliding === 0 ? [] : [`a window of ${slidingWindow} in ${sliding} of ${layers} layers`]
}
