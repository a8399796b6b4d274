import { UserError } from '../../../ground/errors.js'
import { printable } from '../../../ground/printable.js'
import { type DType, isBlockType } from '../../checkpoint/dtype.js'
import { shapeText, type Tensor } from '../../checkpoint/tensor.js'
import type { PartFormats } from '../format/formats.js'
import { type Blueprint, type Source, storedOf } from '../format/layout.js'
import { checkpointFormats } from './pack-source.js'

const MXFP4_DTYPES: readonly DType[] = ['U8']
const WEIGHT_DTYPES: readonly DType[] = ['F32', 'F16', 'BF16', 'F64']

/**
 * Checks that a checkpoint has every tensor that its config.json requires, in the right shape and in floating point, or
 * in bytes if it is MXFP4. Throws a UserError that names the first tensor that differs. Tensors that the model does not
 * use are harmless in some families, and in others a sign of a bias that the config.json does not mention: depending on
 * the family they are refused by name, or their names are returned for a warning. Errors call the checkpoint
 * `checkpoint`. `formats` matter only if they decide which tensors are read.
 */
export function checkTensors(
  blueprint: Blueprint,
  tensors: Map<string, Tensor>,
  checkpoint = 'checkpoint',
  formats: PartFormats = checkpointFormats(blueprint, 'f32', tensors.keys()),
): string[] {
  const needed = new Set<string>()
  const { settings = 'config.json' } = blueprint
  // Part by part, so that a config.json with absurd numbers fails at the first part and not after all have been
  // planned.
  for (const part of blueprint.parts(formats)) {
    const sources = part.pieces.flatMap(({ sources }) => sources).map((source) => storedOf(source, tensors))
    for (const { key, shape, dtypes } of sources.flatMap(tensorsOf)) {
      if (!needed.has(key)) checkTensor(tensors.get(key), { key, shape, dtypes }, checkpoint, settings)
      needed.add(key)
    }
  }
  const unknown = [...tensors.keys()].filter((name) => !needed.has(name) && !blueprint.ignores(name))
  if (unknown.length > 0 && blueprint.refusesUnknownTensors) {
    const [first, ...others] = unknown
    const more = others.length === 0 ? '' : ` (and ${others.length} more)`
    throw new UserError(
      `${checkpoint}: tensor ${printable(first)}${more} has no place in a model with this ${settings}, and would be left out`,
    )
  }
  return unknown
}

interface Wanted {
  key: string
  shape: number[]
  dtypes: readonly DType[]
}

function tensorsOf({ tensor, scales }: Source): Wanted[] {
  if (!scales) return [{ ...tensor, dtypes: WEIGHT_DTYPES }]
  return [tensor, scales.tensor].map((stored) => ({ ...stored, dtypes: MXFP4_DTYPES }))
}

function checkTensor(
  found: Tensor | undefined,
  { key, shape, dtypes }: Wanted,
  checkpoint: string,
  settings: string,
): void {
  const expected = shapeText(shape)
  if (found === undefined) {
    throw new UserError(`${checkpoint}: tensor ${key} is missing (${settings} asks for one of shape ${expected})`)
  }
  const { name } = found.source
  if (found.shape.length !== shape.length || found.shape.some((n, dim) => n !== shape[dim])) {
    const actual = shapeText(found.shape)
    throw new UserError(`${name}: tensor ${key} has shape ${actual}, ${settings} asks for ${expected}`)
  }
  const isBlocks = dtypes === WEIGHT_DTYPES && isBlockType(found.dtype)
  if (!isBlocks && !dtypes.includes(found.dtype)) {
    const known = dtypes === MXFP4_DTYPES ? 'MXFP4 is stored as U8' : `weights must be one of ${dtypes.join(', ')}`
    throw new UserError(`${name}: tensor ${key} has dtype ${printable(found.dtype)}, ${known}`)
  }
}
