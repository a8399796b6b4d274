import { UserError } from '../../ground/errors.js'
import { isText, listOf } from '../../ground/json/forms.js'
import { isObject, parseJson } from '../../ground/json/json.js'
import { phrase } from '../../ground/message.js'
import { MIXTURE_KINDS, type ModelConfig } from './config.js'
import type { ExpertMask } from './expert-mask.js'
import { maskSpecs, parseMask } from './mask-spec.js'

/** Reads the mask of a JSON file, which has no `means`. Throws a UserError that begins with `source`. */
export function maskOfJson(bytes: Uint8Array, source: string, config: ModelConfig): ExpertMask {
  return readMask(parseJson(bytes, source), source, config)
}

/** Writes a mask without `means`, so that `readMask` gives the same one again. */
export function maskJson(mask: ExpertMask): string[] | Record<string, unknown> {
  const { gates, instead = 'others', ...ids } = mask
  return gates === 'all' && instead === 'others' ? maskSpecs(mask) : { ...ids, gates, instead }
}

/**
 * Reads a mask in JSON: a list of specs as `parseMask` takes them, an object with such a list as `experts`, or an
 * `ExpertMask` whose `gates` may be absent and that has no `means`. Throws a UserError that begins with `source`.
 */
export function readMask(value: unknown, source: string, config: ModelConfig): ExpertMask {
  const list: unknown = isObject(value) && 'experts' in value ? value.experts : value
  if (listOf(isText)(list)) {
    try {
      return parseMask(list, config)
    } catch (error) {
      throw error instanceof UserError ? new UserError(phrase`${source}: ${error}`) : error
    }
  }
  if (!isObject(value))
    throw new UserError(`${source}: a mask is a list like ["3:mlp:5,7-9"], or an object of ids by kind`)
  const wrong = Object.keys(value).find((key) => !KEYS.includes(key))
  if (wrong !== undefined)
    throw new UserError(
      `${source}: a mask has no key ${JSON.stringify(wrong.slice(0, 40))}; there are ${KEYS.join(', ')}`,
    )
  return { ...value, gates: value.gates ?? 'all' } as ExpertMask
}

const KEYS: readonly string[] = [...MIXTURE_KINDS, 'pushes', 'gates', 'instead']
