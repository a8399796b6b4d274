import { printable } from '../../../ground/printable.js'
import type { FamilyKeys } from './family-keys.js'

/** Base of a file that names none. */
export const DEFAULT_BASE = 10_000

interface YarnOptions {
  /** Whether the ends of YaRN's ramp are rounded. Default: true. */
  truncate?: boolean
  /** Whether YaRN may enlarge queries and keys, as in DeepSeek's models. Default: false. */
  enlarges?: boolean
}

/** The keys `rope_theta` and `rope_scaling` of a config.json. */
export function ropeKeys(keys: FamilyKeys, options: YarnOptions = {}) {
  return {
    rope_theta: keys.number('rope.freq_base', DEFAULT_BASE),
    rope_scaling: ropeScaling(keys, options),
    ...partialRotation(keys),
  }
}

function ropeScaling(keys: FamilyKeys, { truncate = true, enlarges }: YarnOptions): Record<string, unknown> | null {
  // Old files have only the divisor of positions.
  const old = keys.number('rope.scale_linear', 1)
  const type = keys.text('rope.scaling.type', 'linear')
  const factor = keys.number('rope.scaling.factor', old)
  if (type === 'none') return null
  if (type === 'linear') return factor === 1 || factor === 0 ? null : { rope_type: 'linear', factor }
  if (type !== 'yarn')
    throw keys.refuse('rope.scaling.type', `is ${printable(type)}, and molm computes linear and yarn`)
  for (const key of ['rope.scaling.attn_factor', 'rope.scaling.yarn_ext_factor']) {
    if (keys.number(key, 1) !== 1) throw keys.refuse(key, 'is not 1, which molm does not compute')
  }
  const multiplier = keys.number('rope.scaling.yarn_log_multiplier', 0)
  if (multiplier !== 0 && !enlarges) {
    throw keys.refuse('rope.scaling.yarn_log_multiplier', 'is not 0, which molm does not compute')
  }
  const attention = keys.number('rope.scaling.yarn_attn_factor', undefined)
  return {
    rope_type: 'yarn',
    factor,
    original_max_position_embeddings: keys.number(
      'rope.scaling.original_context_length',
      keys.number('context_length'),
    ),
    beta_fast: keys.number('rope.scaling.yarn_beta_fast', 32),
    beta_slow: keys.number('rope.scaling.yarn_beta_slow', 1),
    truncate,
    ...(attention !== undefined && { attention_factor: attention }),
    // The file has a tenth of the number, and its converter takes both numbers for equal.
    ...(multiplier !== 0 && inBoth(Number((10 * multiplier).toPrecision(6)))),
  }
}

function inBoth(mscale: number): Record<string, unknown> {
  return { mscale, mscale_all_dim: mscale }
}

/** The share of a head's channels that turn, if these are not all. */
function partialRotation(keys: FamilyKeys): { partial_rotary_factor?: number } {
  const { headSize } = keys
  const turned = keys.number('rope.dimension_count', headSize)
  return turned === headSize ? {} : { partial_rotary_factor: turned / headSize }
}
