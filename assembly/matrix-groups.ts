/* Reads the tables of grouped products: Group and ListEntry (src/kernels/abi/products.ts). */
import { MATRIX_ALIGNMENT } from '../src/kernels/abi/formats'
import { Group, ListEntry, MatmulArg } from '../src/kernels/abi/products'
import { arg } from './control'

/** WeightCode of a group's matrix; `usual` is the call's. */
export function formatOf(group: usize, usual: u32): u32 {
  const mark = load<u32>(group, Group.weights) & (MATRIX_ALIGNMENT - 1)
  return mark == 0 ? usual : mark - 1
}

/** Address of a group's matrix. */
export function weightsOf(group: usize): usize {
  return load<u32>(group, Group.weights) & ~(MATRIX_ALIGNMENT - 1)
}

/** Address of the activations of an entry of a list; only in a MatmulArg job, as outputOf. */
export function inputOf(entry: usize): usize {
  return arg(MatmulArg.input) + load<u32>(entry, ListEntry.input) * arg(MatmulArg.inputStride)
}

/** Address of the output row of an entry of a list. */
export function outputOf(entry: usize): usize {
  return arg(MatmulArg.output) + load<u32>(entry, ListEntry.output) * arg(MatmulArg.outputStride)
}
