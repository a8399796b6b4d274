import { matrixWeights } from '../../engine/training/expert-weights.js'
import type { TrainedTensor } from '../../engine/training/plan.js'
import type { Layout, Part } from '../../model/packing/format/layout.js'
import type { PackMatrix } from '../../model/packing/write/pack.js'

export interface PackedExpert {
  layer: number
  expert: number
  /** Its part of the packed file. */
  bytes: Uint8Array
  /** Its router row, which is not rounded. */
  router: Float32Array
}

/**
 * Packs new experts in the format of their layers' other experts. `rounded` are all trained floats with the values of
 * the packed file, in the order of the tensors. A measurement with them holds for the packed model, except that a
 * training does not round activations.
 */
export async function packExperts(
  layout: Layout,
  tensors: readonly TrainedTensor[],
  weights: Float32Array,
  pack: PackMatrix,
): Promise<{ newExperts: PackedExpert[]; rounded: Float32Array }> {
  const rounded = weights.slice()
  const newExperts: PackedExpert[] = []
  for (const { layer, kind, expert, offset, cols } of tensors.filter(({ piece }) => piece === 'router')) {
    const [like] = layout.experts(layer, kind)
    const mine = tensors.filter((one) => one.layer === layer && one.expert === expert)
    const bytes = await packedExpert(like, mine, weights, pack)
    for (const { name, offset: at, ...piece } of like.pieces) {
      rounded.set(matrixWeights(bytes, at, piece), tensorOf(mine, name).offset)
    }
    newExperts.push({ layer, expert, bytes, router: weights.slice(offset, offset + cols) })
  }
  return { newExperts, rounded }
}

/** Packs the matrices of an expert, given as floats, into its part. */
async function packedExpert(
  like: Part,
  mine: readonly TrainedTensor[],
  weights: Float32Array,
  pack: PackMatrix,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(like.bytes)
  for (const { name, offset: at, kind, format, rows, cols } of like.pieces) {
    const { offset } = tensorOf(mine, name)
    const floats = new Uint8Array(weights.slice(offset, offset + rows * cols).buffer)
    const request = { dtype: 'F32', firstElement: 0, rows, cols, rowStride: cols, colStride: 1, kind, format } as const
    bytes.set((await pack({ bytes: floats, ...request })).bytes, at)
  }
  return bytes
}

function tensorOf(mine: readonly TrainedTensor[], piece: string): TrainedTensor {
  const tensor = mine.find((one) => one.piece === piece)
  if (!tensor) throw new RangeError(`no trained ${piece} of a new expert`)
  return tensor
}
