import { UserError } from '../errors.js'
import { isObject } from '../json.js'
import { type ConfigReader, quoted } from '../model/config-reader.js'
import type { RopeConfig } from '../nn/rope.js'

/**
 * Reads RoPE from `rope_theta` and `rope_scaling`, or from `rope_parameters` of newer files; with both, the former
 * counts, as in transformers. Refuses types that molm does not compute by name.
 */
export function ropeConfig(keys: ConfigReader): RopeConfig {
  const key = keys.has('rope_scaling') || !keys.has('rope_parameters') ? 'rope_scaling' : 'rope_parameters'
  const found = keys.raw[key] ?? {}
  if (!isObject(found)) throw keys.refuse(key, 'an object')
  const inner = new RopeReader(found, `${keys.source}: ${key}`)
  const theta = inner.number('rope_theta') ?? keys.positive('rope_theta')
  const partial = inner.number('partial_rotary_factor') ?? keys.raw.partial_rotary_factor ?? 1
  if (partial !== 1) throw new UserError(`${keys.source}: partial_rotary_factor must be 1, not ${quoted(partial)}`)
  const type = found.rope_type ?? found.type ?? 'default'
  if (type === 'default') return { theta, scaling: { type } }
  if (type === 'linear') return { theta, scaling: { type, factor: inner.required('factor') } }
  if (type === 'yarn') return { theta, scaling: yarn(inner, found, keys.size('max_position_embeddings')) }
  throw new UserError(
    `${keys.source}: RoPE of type ${quoted(type)} is not computed by molm (default, linear, yarn are)`,
  )
}

function yarn(inner: RopeReader, found: Record<string, unknown>, maxPositions: number): RopeConfig['scaling'] {
  const factor = inner.required('factor')
  const size = (mscale: number) => (factor <= 1 ? 1 : 0.1 * mscale * Math.log(factor) + 1)
  const [mscale, mscaleAll] = [inner.number('mscale'), inner.number('mscale_all_dim')]
  const attention = mscale !== undefined && mscaleAll !== undefined ? size(mscale) / size(mscaleAll) : size(1)
  return {
    type: 'yarn',
    factor,
    original: inner.number('original_max_position_embeddings') ?? maxPositions,
    betaFast: inner.number('beta_fast') ?? 32,
    betaSlow: inner.number('beta_slow') ?? 1,
    truncate: found.truncate !== false,
    attention: inner.number('attention_factor') ?? attention,
  }
}

/** Numbers of a RoPE object. */
class RopeReader {
  constructor(
    private readonly values: Record<string, unknown>,
    private readonly source: string,
  ) {}

  number(key: string): number | undefined {
    const value = this.values[key]
    if (value === undefined || value === null) return undefined
    if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value
    throw new UserError(`${this.source}.${key} must be a number above 0, not ${quoted(value)}`)
  }

  required(key: string): number {
    const value = this.number(key)
    if (value === undefined) throw new UserError(`${this.source}.${key} is missing`)
    return value
  }
}
