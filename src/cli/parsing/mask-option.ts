import { type Command, Option } from 'commander'
import { UsageError, UserError } from '../../ground/errors.js'
import { readBounded } from '../../ground/files/bounded-file.js'
import { expandHome } from '../../ground/files/home.js'
import { MOST_JSON_BYTES } from '../../ground/json/json.js'
import { phrase } from '../../ground/message.js'
import { printable } from '../../ground/printable.js'
import type { ModelConfig } from '../../model/config/config.js'
import { type ExpertMask, layerMasks } from '../../model/config/expert-mask.js'
import { maskSpecs, parseMask, scaledMask } from '../../model/config/mask-spec.js'
import { maskOfJson } from '../../model/config/read-mask.js'
import { collect, type ModelOptions } from './options.js'

export function addMaskOption(command: Command): Command {
  return command
    .option(
      '--mask <experts>',
      'switch experts off: LAYER:KIND:IDS, like 3:mlp:5,7-9, or a JSON file of these; repeatable',
      collect,
    )
    .option(
      '--steer <file>',
      'steer experts by a file of molm experts --contrast, or of lines like 3:mlp:5=+1.5; FILE:STRENGTH multiplies its ' +
        'numbers; repeatable',
      collect,
    )
}

/** Adds the option of what takes the place of values, for commands that read texts and write answers. */
export function addIntervene(command: Command): Command {
  const what = 'put other values, routes and weights into layers, by a JSON file (docs/EXPERTS.md)'
  // A conversation, a cache and answers in a file do not say what has been in the layers.
  const option = new Option('--intervene <file>', what).conflicts(['continue', 'promptCache', 'batch'])
  return command.addOption(option.argParser(expandHome))
}

/** A value of --mask or --steer: specs, or the contents of a file. */
export interface GivenMask {
  source: string
  bytes?: Buffer
  /** Factor of its pushes. Default 1. */
  strength?: number
}

/** Reads the files of --mask and --steer. A value of --mask with the form of a spec is not a file. */
export async function readMaskFiles({
  mask = [],
  steer = [],
}: Pick<ModelOptions, 'mask' | 'steer'>): Promise<GivenMask[]> {
  const masks = await readFiles(mask)
  const read = steer.map(splitStrength).map(async ({ path, strength }) => {
    return { source: path, strength, bytes: await readBounded(path, MOST_JSON_BYTES, 'experts are a short list') }
  })
  return [...masks, ...(await Promise.all(read))]
}

/** Parts of FILE:STRENGTH; the strength is 1 if it is not given. */
export function splitStrength(value: string): { path: string; strength: number } {
  const [, path = value, strength = '1'] = /^(.+):([-+]?\d+(?:\.\d+)?)$/.exec(value) ?? []
  return { path: expandHome(path), strength: Number(strength) }
}

function readFiles(values: readonly string[]): Promise<GivenMask[]> {
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
  const masks = given.map(({ source, bytes, strength = 1 }) =>
    scaledMask(bytes ? maskOfJson(bytes, source, config) : parseMask([source], config), strength),
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
    throw error instanceof UserError ? new UserError(phrase`mask ${source}: ${error}`) : error
  }
}
