import { log } from '../../../ground/elementary.js'
import { UserError } from '../../../ground/errors.js'
import { isObject } from '../../../ground/json/json.js'
import { ConfigReader, quoted } from '../../config/config-reader.js'
import type { RopeConfig } from '../../layers/mixers/rope.js'

export interface RopeKeys {
  /** Channels of a head, if a share of them may turn alone. Default: all turn, and another share is refused. */
  partOf?: number
}

/**
 * Reads RoPE from `rope_theta` and `rope_scaling`, or from `rope_parameters` of newer files; with both, the former
 * counts, as in transformers. Refuses types that molm does not compute by name.
 */
export function ropeConfig(keys: ConfigReader, options: RopeKeys = {}): RopeConfig {
  const { key, found } = ropeObject(keys)
  return ropeFrom(keys, key, found, options)
}

function ropeObject(keys: ConfigReader): { key: string; found: Record<string, unknown> } {
  const key = keys.has('rope_scaling') || !keys.has('rope_parameters') ? 'rope_scaling' : 'rope_parameters'
  const found = keys.raw[key] ?? {}
  if (!isObject(found)) throw keys.refuse(key, 'an object')
  return { key, found }
}

/** Factor of DeepSeek's queries, and of its keys, with YaRN: 1 without `mscale_all_dim`. */
export function yarnSize(keys: ConfigReader): number {
  const { rope_type, type = rope_type, mscale_all_dim, factor } = ropeObject(keys).found
  const hasSize = type === 'yarn' && typeof mscale_all_dim === 'number' && typeof factor === 'number'
  return hasSize ? sizeOf(factor, mscale_all_dim) : 1
}

function sizeOf(factor: number, mscale: number): number {
  return factor <= 1 ? 1 : 0.1 * mscale * log(factor) + 1
}

/** Reads RoPE of each kind of layer from the member of `rope_parameters` with its name. */
export function ropeOfKinds<Kind extends string>(
  keys: ConfigReader,
  kinds: readonly Kind[],
  options: RopeKeys = {},
): Record<Kind, RopeConfig> {
  const all = keys.raw.rope_parameters
  const read = kinds.map((kind) => {
    const found = isObject(all) ? all[kind] : undefined
    if (!isObject(found)) throw keys.refuse('rope_parameters', `an object with members ${kinds.join(', ')}`)
    // transformers looks for `truncate` beside the kinds, so that none in here counts.
    return [kind, ropeFrom(keys, `rope_parameters.${kind}`, { ...found, truncate: true }, options)]
  })
  return Object.fromEntries(read)
}

function ropeFrom(keys: ConfigReader, key: string, found: Record<string, unknown>, { partOf }: RopeKeys): RopeConfig {
  const inner = new ConfigReader(
    Object.fromEntries(Object.entries(found).map(([name, value]) => [`${key}.${name}`, value])),
    keys.source,
  )
  const number = (name: string) => (inner.has(`${key}.${name}`) ? inner.positive(`${key}.${name}`) : undefined)
  const theta = number('rope_theta') ?? keys.positive('rope_theta')
  const share = number('partial_rotary_factor') ?? keys.raw.partial_rotary_factor ?? 1
  const turned = Math.trunc((partOf ?? 1) * Number(share))
  const type = found.rope_type ?? found.type ?? 'default'
  if (type === 'proportional') {
    const isShare = typeof share === 'number' && share > 0 && share <= 1
    if (!isShare) throw new UserError(`${keys.source}: ${key}.partial_rotary_factor must be a number from 0 to 1`)
    return { theta, scaling: { type, share } }
  }
  // transformers computes no YaRN of odd parts.
  const isPart = partOf && turned > 0 && turned + (turned % 2) <= partOf && (type !== 'yarn' || turned % 2 === 0)
  if (partOf === undefined ? share !== 1 : !isPart) {
    const wanted = partOf === undefined ? '1' : `a share of ${partOf} channels that makes pairs`
    throw new UserError(`${keys.source}: partial_rotary_factor must be ${wanted}, not ${quoted(share)}`)
  }
  const part = share === 1 ? {} : { share: Number(share) }
  if (type === 'default') return { theta, ...part, scaling: { type } }
  if (type !== 'linear' && type !== 'yarn') {
    throw new UserError(
      `${keys.source}: RoPE of type ${quoted(type)} is not computed by molm (default, linear, proportional, yarn are)`,
    )
  }
  const factor = number('factor')
  if (factor === undefined) throw new UserError(`${keys.source}: ${key}.factor is missing`)
  if (type === 'linear') return { theta, ...part, scaling: { type, factor } }
  const [mscale, mscaleAll] = [number('mscale'), number('mscale_all_dim')]
  const attention =
    mscale !== undefined && mscaleAll !== undefined
      ? sizeOf(factor, mscale) / sizeOf(factor, mscaleAll)
      : sizeOf(factor, 1)
  const scaling: RopeConfig['scaling'] = {
    type: 'yarn',
    factor,
    original: number('original_max_position_embeddings') ?? keys.size('max_position_embeddings'),
    betaFast: number('beta_fast') ?? 32,
    betaSlow: number('beta_slow') ?? 1,
    truncate: found.truncate !== false,
    // The reference code multiplies float32 numbers by it.
    attention: Math.fround(number('attention_factor') ?? attention),
  }
  return { theta, ...part, scaling }
}
