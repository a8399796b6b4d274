import type { Command } from 'commander'
import { UsageError, UserError } from '../../ground/errors.js'
import { readBounded } from '../../ground/files/bounded-file.js'
import { expandHome } from '../../ground/files/home.js'
import { MOST_JSON_BYTES } from '../../ground/json/json.js'
import { printable } from '../../ground/printable.js'
import type { ModelConfig } from '../../model/config/config.js'
import { type ExpertMask, layerMasks } from '../../model/config/expert-mask.js'
import { maskSpecs, parseMask } from '../../model/config/mask-spec.js'
import { maskOfJson } from '../../model/config/read-mask.js'
import { collect } from './options.js'

export function addMaskOption(command: Command): Command {
  return command.option(
    '--mask <experts>',
    'switch experts off: LAYER:KIND:IDS, like 3:mlp:5,7-9, or a JSON file of these; repeatable',
    collect,
  )
}

/** A value of --mask: specs, or the contents of a file. */
export interface GivenMask {
  source: string
  bytes?: Buffer
}

/** Reads the files among the values of --mask. A value with the form of a spec is not a file. */
export function readMaskFiles(values: readonly string[] = []): Promise<GivenMask[]> {
  return Promise.all(
    values.map(async (value) => {
      if (!/[:./\\]/.test(value)) throw noMask(value)
      if (/^\d+:[a-z]+:/.test(value) || !/[./\\]/.test(value)) return { source: value }
      const path = expandHome(value)
      return { source: path, bytes: await readBounded(path, MOST_JSON_BYTES, 'a mask is a short list') }
    }),
  )
}

function noMask(value: string): UsageError {
  const forms = 'LAYER:KIND:IDS, like 3:mlp:5,7-9, or a file, like ./mask.json'
  return new UsageError(`--mask must be ${forms}, not '${printable(value.slice(0, 60))}'`)
}

/**
 * Joins masks to one for a model; undefined without any. Throws a UserError if they do not fit the model, or if only
 * some of them have other `gates` or another `instead`.
 */
export function maskFor(given: readonly GivenMask[], config: ModelConfig): ExpertMask | undefined {
  if (given.length === 0) return undefined
  const masks = given.map(({ source, bytes }) =>
    bytes ? maskOfJson(bytes, source, config) : parseMask([source], config),
  )
  for (const [i, mask] of masks.entries()) checkFits(mask, given[i].source, config)
  const [{ gates, instead }] = masks
  if (masks.some((mask) => mask.gates !== gates || mask.instead !== instead)) {
    throw new UserError('the masks differ in `gates` or `instead`: give one file with all experts')
  }
  const mask = { ...parseMask(masks.flatMap(maskSpecs), config), gates, ...(instead && { instead }) }
  layerMasks([mask], config)
  return mask
}

function checkFits(mask: ExpertMask, source: string, config: ModelConfig): void {
  try {
    layerMasks([mask], config)
  } catch (error) {
    throw error instanceof UserError ? new UserError(`mask ${source}: ${error.message}`) : error
  }
}
