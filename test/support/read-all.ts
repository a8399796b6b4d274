import type { Tensor } from '#molm/model/checkpoint/tensor.js'
import { readFloats } from './read-floats.js'

/** Dtype, shape and values of each tensor, by name. */
export async function readAll(
  tensors: Iterable<Tensor>,
): Promise<Record<string, { dtype: string; shape: number[]; values: number[] }>> {
  const all: Record<string, { dtype: string; shape: number[]; values: number[] }> = {}
  for (const t of tensors) all[t.name] = { dtype: t.dtype, shape: t.shape, values: [...(await readFloats(t))] }
  return all
}
