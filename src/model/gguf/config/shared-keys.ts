import type { FamilyKeys } from './family-keys.js'

/* Values of config.json that several families find in the same keys or tensors of a file. */

/** Channels inside the shared expert; 0 if there is none. */
export function sharedHidden(keys: FamilyKeys): number {
  return keys.number('expert_shared_feed_forward_length', 0)
}

/** Whether gates are divided by their sum: the file's word, or the family's way. */
export function normalises(keys: FamilyKeys, family: boolean): boolean {
  const [flag = Number(family)] = keys.values('expert_weights_norm')
  return flag === 1
}

/** Channels inside a dense layer and inside an expert. */
export function moeWidths(keys: FamilyKeys): Record<string, unknown> {
  const dense = keys.uniform('feed_forward_length')
  return {
    intermediate_size: dense,
    // Old files give the width of all chosen experts together.
    moe_intermediate_size: keys.number('expert_feed_forward_length', 0) || dense / keys.number('expert_used_count'),
  }
}

/** Whether each layer has a window: the file's list, or all but the first or last layer of each `period`. */
export function slidingLayers(keys: FamilyKeys, period: number, full: 'first' | 'last'): boolean[] {
  const layers = [...Array(keys.layers).keys()]
  const key = 'attention.sliding_window_pattern'
  const stored = keys.values(key)
  if (stored.length > 1 || (stored.length === 1 && layers.length === 1)) {
    if (stored.length < layers.length)
      throw keys.refuse(key, `has ${stored.length} entries for ${layers.length} layers`)
    return layers.map((layer) => stored[layer] !== 0)
  }
  const [step = period] = stored
  if (step === 0) return layers.map(() => true)
  return layers.map((layer) => layer % step !== (full === 'first' ? 0 : step - 1))
}

/** The type of each layer: the first one if it has this tensor. */
export function layerTypes(keys: FamilyKeys, tensor: string, [having, other]: readonly [string, string]): string[] {
  const found = new Set(keys.layersWith(tensor))
  return [...Array(keys.layers).keys()].map((layer) => (found.has(layer) ? having : other))
}

/** The kinds of the layers. Unless the file says otherwise, all but the last of each `period` have a window. */
export function windowTypes(keys: FamilyKeys, period: number): string[] {
  return slidingLayers(keys, period, 'last').map((is) => (is ? 'sliding_attention' : 'full_attention'))
}
