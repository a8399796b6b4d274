import { UserError } from '../../ground/errors.js'
import { withoutFormat } from '../../kernels/memory/formats.js'
import { readWeight } from '../../kernels/memory/tile-floats.js'
import type { MixtureKind } from '../../model/config/config.js'
import { densePartName, type Layout, type Piece } from '../../model/packing/format/layout.js'
import type { WeightStore } from '../../model/weights/weight-store.js'
import { routerPiece } from './plan.js'

/**
 * Reads the matrices and the router row of an expert as floats: one array in the order of its TrainedTensors. Throws a
 * UserError if the layer has no such expert.
 */
export function expertWeights(
  { layout, store }: { layout: Layout; store: WeightStore },
  layer: number,
  kind: MixtureKind,
  expert: number,
): Float32Array {
  const part = layout.experts(layer, kind)[expert]
  if (!part) throw new UserError(`layer ${layer} has no ${kind} expert ${expert}`)
  const router = routerPiece(layout, layer, kind)
  store.require(layer, kind, Int32Array.of(expert), 1)
  const { u8 } = store.banks[store.bankOf(layer)]
  const all = new Float32Array(part.pieces.reduce((sum, { rows, cols }) => sum + rows * cols, 0) + router.cols)
  let at = 0
  const address = store.expert(layer, kind, expert)
  for (const piece of part.pieces) {
    const matrix = matrixWeights(u8, address + piece.offset, piece)
    all.set(matrix, at)
    at += matrix.length
  }
  const scores = withoutFormat(store.address(densePartName(layer), router.name))
  for (let c = 0; c < router.cols; c++) all[at++] = readWeight(u8, scores, router.format, router.cols, expert, c)
  return all
}

/** Unpacks the matrix at byte `address`, row by row. */
export function matrixWeights(
  bytes: Uint8Array,
  address: number,
  { format, rows, cols }: Pick<Piece, 'format' | 'rows' | 'cols'>,
): Float32Array {
  const weights = new Float32Array(rows * cols)
  let at = 0
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < cols; c++) weights[at++] = readWeight(bytes, address, format, cols, r, c)
  }
  return weights
}
