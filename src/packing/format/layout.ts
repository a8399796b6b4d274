import type { Tensor } from '../../checkpoint/tensor.js'
import type { PartFormats, PieceKind, WeightFormat } from './formats.js'

export const MIXTURE_KINDS = ['attention', 'mlp'] as const
/** What the experts of a mixture do: heads of attention, or the feed-forward network. */
export type MixtureKind = (typeof MIXTURE_KINDS)[number]

/** Rows of one tensor of a checkpoint that go into a piece. */
export interface Source {
  /** The checkpoint's tensor, whole: one that holds all experts of a layer has three dimensions. */
  tensor: { key: string; shape: number[] }
  rows: number
  cols: number
  /** Its weights in a checkpoint: [rows, cols], for a vector [cols]. */
  view: (tensors: Map<string, Tensor>) => Tensor
}

/**
 * How the rows of several sources lie in one piece, each padded with zeros to a multiple of 32 rows.
 * stacked: one source after the other. interleaved: 32 rows of each in turn, so that a product has the rows that belong
 * together (gate and up) in its hands at once.
 */
export type SourceOrder = 'stacked' | 'interleaved'

/** One matrix, table or vector of a part. */
export interface Piece {
  name: string
  /** Bytes from the start of its part, a multiple of 64. */
  offset: number
  bytes: number
  kind: PieceKind
  format: WeightFormat
  /** Outputs of a matrix, entries of a table, 1 for a vector; with the padding between sources. */
  rows: number
  cols: number
  /** One or more, all with the same number of columns (of a vector: any). */
  sources: Source[]
  order: SourceOrder
}

/** What is read at once: one tensor of a packed file. An expert is a part, so that it can be fetched alone. */
export interface Part {
  name: string
  /** The layer that it belongs to; absent for what stands before and after all layers. */
  layer?: number
  /** The expert of that layer that it is; absent for what every token needs. */
  expert?: { kind: MixtureKind; id: number }
  /** A multiple of 64, padding included. */
  bytes: number
  pieces: Piece[]
}

/** Name of the part with all pieces of a layer that every token needs, such as norms and routers. */
export function densePartName(layer: number): string {
  return `layers.${layer}.dense`
}

/** Where every weight of a model lies. A function of its shape and formats alone. */
export interface Layout {
  /** In the order of the packed file, which is the order of use. */
  parts: Part[]
  /** Sum of all parts. */
  bytes: number
  /** One more than the highest layer of any part. */
  layers: number
  /** A part by its name. Throws when the model has none of this name. */
  part(name: string): Part
  /** The experts of one kind of a layer, by their ids; empty where it has none. */
  experts(layer: number, kind: MixtureKind): Part[]
}

/** A model as packing sees it. */
export interface Blueprint {
  /** The parts in their order, planned as they are asked for. Pure: the same formats give the same parts. */
  parts(formats: PartFormats): Iterable<Part>
  /** Whether a tensor of the checkpoint is known to be of no use, so that nobody needs to be warned of it. */
  ignores(tensor: string): boolean
  /** Whether any other tensor that the model does not use is refused: it would be computed with elsewhere. */
  refusesStrangers: boolean
}

/** Plans where the weights of a model lie. */
export function planLayout(blueprint: Pick<Blueprint, 'parts'>, formats: PartFormats): Layout {
  const parts = [...blueprint.parts(formats)]
  const byName = new Map(parts.map((part) => [part.name, part]))
  const experts = new Map<string, Part[]>()
  for (const part of parts) {
    if (!part.expert) continue
    const key = `${part.layer} ${part.expert.kind}`
    const list = experts.get(key) ?? []
    list[part.expert.id] = part
    experts.set(key, list)
  }
  return {
    parts,
    bytes: parts.reduce((sum, part) => sum + part.bytes, 0),
    layers: parts.reduce((most, { layer = -1 }) => Math.max(most, layer + 1), 0),
    part(name) {
      const part = byName.get(name)
      if (part === undefined) throw new RangeError(`the model has no part ${name}`)
      return part
    },
    experts: (layer, kind) => experts.get(`${layer} ${kind}`) ?? [],
  }
}

/** A piece of a part by its name. Throws when the part has none of this name. */
export function pieceOf(part: Part, name: string): Piece {
  const piece = part.pieces.find((piece) => piece.name === name)
  if (piece === undefined) throw new RangeError(`part ${part.name} has no piece ${name}`)
  return piece
}
