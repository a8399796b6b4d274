import type { DType } from '../../checkpoint/dtype.js'
import { shapeText, type Tensor } from '../../checkpoint/tensor.js'
import { UserError } from '../../errors.js'
import { printable } from '../../printable.js'
import { formatsFor } from '../format/formats.js'
import type { Blueprint } from '../format/layout.js'

const WEIGHT_DTYPES: readonly DType[] = ['F32', 'F16', 'BF16', 'F64']

/**
 * Checks that a checkpoint has every tensor that its config.json promises, in the right shape and in floating point.
 * Throws a UserError naming the first that is not so. Tensors that have no place in such a model are refused by name, or
 * their names returned in order to warn of them, as the family has it: they may be harmless, or a bias that the config.json
 * does not speak of.
 * `where` is what errors call the checkpoint.
 */
export function checkTensors(blueprint: Blueprint, tensors: Map<string, Tensor>, where = 'checkpoint'): string[] {
  const needed = new Set<string>()
  // Part by part, so that a config.json with absurd numbers fails at the first part and not after planning them all.
  for (const part of blueprint.parts(formatsFor('f32'))) {
    for (const { tensor } of part.pieces.flatMap(({ sources }) => sources)) {
      if (!needed.has(tensor.key)) checkTensor(tensors.get(tensor.key), tensor.key, tensor.shape, where)
      needed.add(tensor.key)
    }
  }
  const strangers = [...tensors.keys()].filter((name) => !needed.has(name) && !blueprint.ignores(name))
  if (strangers.length > 0 && blueprint.refusesStrangers) {
    const [first, ...others] = strangers
    const more = others.length === 0 ? '' : ` (and ${others.length} more)`
    throw new UserError(
      `${where}: tensor ${printable(first)}${more} has no place in a model of this config.json, and would be left out`,
    )
  }
  return strangers
}

function checkTensor(found: Tensor | undefined, key: string, shape: number[], where: string): void {
  const expected = shapeText(shape)
  if (found === undefined) {
    throw new UserError(`${where}: tensor ${key} is missing (config.json asks for one of shape ${expected})`)
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
