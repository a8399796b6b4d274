import type { TrainedMixture, TrainingPlan } from '../../api/training.js'
import { UserError } from '../../ground/errors.js'
import type { MixtureKind } from '../../model/config/config.js'
import { densePartName, type Layout, type Piece } from '../../model/packing/format/layout.js'

/** Default tokens of a micro-batch. */
export const MAX_TOKENS = 1024

/**
 * A matrix of a trained expert, or its router row: a row of a linear router's matrix, a row of an MLP router's last
 * matrix, or a cosine router's centroid. Weights, gradients and moments are arrays of floats that hold all trained
 * tensors in the order of `trainedTensors`.
 */
export interface TrainedTensor {
  layer: number
  kind: MixtureKind
  /** Id of the expert; ids of new experts follow the layer's own. */
  expert: number
  /** Piece of a packed expert (`query`, `input`, `output`), or `router`. */
  piece: string
  /** Outputs of the matrix; 1 for a router row. */
  rows: number
  /** Inputs of the matrix. Row-major: weight [r, c] is at offset + r * cols + c. */
  cols: number
  /** Index of the first float. */
  offset: number
}

/** Lists the trained tensors in order and counts their floats. Throws a UserError if the plan does not fit. */
export function trainedTensors(layout: Layout, plan: TrainingPlan): { tensors: TrainedTensor[]; floats: number } {
  const tensors: TrainedTensor[] = []
  const seen = new Set<string>()
  let offset = 0
  for (const mixture of plan.mixtures) {
    const { layer, kind } = mixture
    const [first] = layout.experts(layer, kind)
    if (!first) throw new UserError(`layer ${layer} has no ${kind} experts to train`)
    const name = `${layer} ${kind}`
    if (seen.has(name)) throw new UserError(`the ${kind} experts of layer ${layer} are named twice`)
    seen.add(name)
    const shapes = [...first.pieces, { name: 'router', rows: 1, cols: routerPiece(layout, layer, kind).cols }]
    for (const expert of trainedExperts(layout, mixture)) {
      for (const { name: piece, rows, cols } of shapes) {
        tensors.push({ layer, kind, expert, piece, rows, cols, offset })
        offset += rows * cols
      }
    }
  }
  if (tensors.length === 0) throw new UserError('the plan names no experts to train')
  return { tensors, floats: offset }
}

/** Ids of a mixture's trained experts: the model's own in rising order, then new ones. */
function trainedExperts(layout: Layout, { layer, kind, newExperts = 0, existing = [] }: TrainedMixture): number[] {
  const experts = layout.experts(layer, kind)
  const ids = [...new Set(existing)].sort((a, b) => a - b)
  for (const id of ids) {
    if (!experts[id]) throw new UserError(`layer ${layer} has no ${kind} expert ${id}`)
    const packed = experts[id].pieces.find(({ format }) => format !== 'f32')
    if (packed) throw new UserError(`${kind} experts packed in ${packed.format} cannot be trained, only f32`)
  }
  return [...ids, ...Array.from({ length: newExperts }, (_, i) => experts.length + i)]
}

/** Matrix that scores the experts of a layer. */
export function routerPiece(layout: Layout, layer: number, kind: MixtureKind): Piece {
  const { pieces } = layout.part(densePartName(layer))
  const names = [`${kind}.router.logits.weight`, `${kind}.router.centroids`]
  const piece = pieces.find(({ name }) => names.includes(name))
  if (!piece) throw new UserError(`layer ${layer} has no router of ${kind} experts`)
  return piece
}
