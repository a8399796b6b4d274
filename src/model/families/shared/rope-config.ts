import { UserError } from '../../../ground/errors.js'
import { isObject } from '../../../ground/json/json.js'
import { ConfigReader, quoted } from '../../config/config-reader.js'
import type { RopeConfig } from '../../layers/rope.js'

/**
 * Reads RoPE from `rope_theta` and `rope_scaling`, or from `rope_parameters` of newer files; with both, the former
 * counts, as in transformers. Refuses types that molm does not compute by name.
 */
export function ropeConfig(keys: ConfigReader): RopeConfig {
  const key = keys.has('rope_scaling') || !keys.has('rope_parameters') ? 'rope_scaling' : 'rope_parameters'
  const found = keys.raw[key] ?? {}
  if (!isObject(found)) throw keys.refuse(key, 'an object')
  const inner = new ConfigReader(
    Object.fromEntries(Object.entries(found).map(([name, value]) => [`${key}.${name}`, value])),
    keys.source,
  )
  const number = (name: string) => (inner.has(`${key}.${name}`) ? inner.positive(`${key}.${name}`) : undefined)
  const theta = number('rope_theta') ?? keys.positive('rope_theta')
  const partial = number('partial_rotary_factor') ?? keys.raw.partial_rotary_factor ?? 1
  if (partial !== 1) throw new UserError(`${keys.source}: partial_rotary_factor must be 1, not ${quoted(partial)}`)
  const type = found.rope_type ?? found.type ?? 'default'
  if (type === 'default') return { theta, scaling: { type } }
  if (type !== 'linear' && type !== 'yarn') {
    throw new UserError(
      `${keys.source}: RoPE of type ${quoted(type)} is not computed by molm (default, linear, yarn are)`,
    )
  }
  const factor = number('factor')
  if (factor === undefined) throw new UserError(`${keys.source}: ${key}.factor is missing`)
  if (type === 'linear') return { theta, scaling: { type, factor } }
  const size = (mscale: number) => (factor <= 1 ? 1 : 0.1 * mscale * Math.log(factor) + 1)
  const [mscale, mscaleAll] = [number('mscale'), number('mscale_all_dim')]
  const attention = mscale !== undefined && mscaleAll !== undefined ? size(mscale) / size(mscaleAll) : size(1)
  const scaling: RopeConfig['scaling'] = {
    type: 'yarn',
    factor,
    original: number('original_max_position_embeddings') ?? keys.size('max_position_embeddings'),
    betaFast: number('beta_fast') ?? 32,
    betaSlow: number('beta_slow') ?? 1,
    truncate: found.truncate !== false,
    attention: number('attention_factor') ?? attention,
  }
  return { theta, scaling }
}
