import type { DType } from '../../checkpoint/dtype.js'
import { shapeText, type Tensor } from '../../checkpoint/tensor.js'
import { UserError } from '../../errors.js'
import { printable } from '../../printable.js'
import { formatsFor } from '../format/formats.js'
import type { Blueprint } from '../format/layout.js'

const WEIGHT_DTYPES: readonly DType[] = ['F32', 'F16', 'BF16', 'F64']

/**
 * Checks that a checkpoint has every tensor that its config.json requires, in the right shape and in floating point.
 * Throws a UserError that names the first tensor that differs. Tensors that the model does not use are harmless in some
 * families, and in others a sign of a bias that the config.json does not mention: depending on the family they are
 * refused by name, or their names are returned for a warning. Errors call the checkpoint `checkpoint`.
 */
export function checkTensors(blueprint: Blueprint, tensors: Map<string, Tensor>, checkpoint = 'checkpoint'): string[] {
  const needed = new Set<string>()
  // Part by part, so that a config.json with absurd numbers fails at the first part and not after all have been
  // planned.
  for (const part of blueprint.parts(formatsFor('f32'))) {
    for (const { tensor } of part.pieces.flatMap(({ sources }) => sources)) {
      if (!needed.has(tensor.key)) checkTensor(tensors.get(tensor.key), tensor.key, tensor.shape, checkpoint)
      needed.add(tensor.key)
    }
  }
  const unknown = [...tensors.keys()].filter((name) => !needed.has(name) && !blueprint.ignores(name))
  if (unknown.length > 0 && blueprint.refusesUnknownTensors) {
    const [first, ...others] = unknown
    const more = others.length === 0 ? '' : ` (and ${others.length} more)`
    throw new UserError(
      `${checkpoint}: tensor ${printable(first)}${more} has no place in a model with this config.json, and would be left out`,
    )
  }
  return unknown
}

function checkTensor(found: Tensor | undefined, key: string, shape: number[], checkpoint: string): void {
  const expected = shapeText(shape)
  if (found === undefined) {
    throw new UserError(`${checkpoint}: tensor ${key} is missing (config.json asks for one of shape ${expected})`)
  }
  const { name } = found.source
  if (found.shape.length !== shape.length || found.shape.some((n, dim) => n !== shape[dim])) {
    const actual = shapeText(found.shape)
    throw new UserError(`${name}: tensor ${key} has shape ${actual}, config.json asks for ${expected}`)
  }
  if (!WEIGHT_DTYPES.includes(found.dtype)) {
    const known = WEIGHT_DTYPES.join(', ')
    throw new UserError(`${name}: tensor ${key} has dtype ${printable(found.dtype)}, weights must be one of ${known}`)
  }
}
