import type { DType } from '../checkpoint/dtype.js'
import type { Tensor } from '../checkpoint/tensor.js'
import { UserError } from '../errors.js'
import { printable } from '../printable.js'
import { formatsFor } from './format.js'
import type { Blueprint } from './layout.js'

const WEIGHT_DTYPES: readonly DType[] = ['F32', 'F16', 'BF16', 'F64']

/**
 * Checks that a checkpoint has every tensor that its config.json promises, in the right shape and in floating point.
 * Throws a UserError naming the first that is not so. Returns the names of tensors that have no place in such a model,
 * in order to warn of them: they may be harmless, or the sign of a config.json that belongs to another checkpoint.
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
  return [...tensors.keys()].filter((name) => !needed.has(name) && !blueprint.ignores(name))
}

function checkTensor(found: Tensor | undefined, key: string, shape: number[], where: string): void {
  const expected = `[${shape.join(', ')}]`
  if (found === undefined) {
    throw new UserError(`${where}: tensor ${key} is missing (config.json asks for one of shape ${expected})`)
  }
  const { name } = found.source
  if (found.shape.length !== shape.length || found.shape.some((n, dim) => n !== shape[dim])) {
    const actual = `[${found.shape.join(', ')}]`
    throw new UserError(`${name}: tensor ${key} has shape ${actual}, config.json asks for ${expected}`)
  }
  if (!WEIGHT_DTYPES.includes(found.dtype)) {
    const known = WEIGHT_DTYPES.join(', ')
    throw new UserError(`${name}: tensor ${key} has dtype ${printable(found.dtype)}, weights must be one of ${known}`)
  }
}
