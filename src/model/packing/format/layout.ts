import type { Tensor } from '../../checkpoint/tensor.js'
import type { PartFormats, PieceKind, WeightFormat } from './formats.js'

export const MIXTURE_KINDS = ['attention', 'mlp'] as const
/** Kind of a mixture: its experts are heads of attention, or feed-forward networks. */
export type MixtureKind = (typeof MIXTURE_KINDS)[number]

export interface StoredEntries {
  /** The whole tensor; its first dimension counts experts if it holds all experts of a layer. */
  tensor: { key: string; shape: number[] }
  view: (tensors: Map<string, Tensor>) => Tensor
}

/** Rows of one tensor of a checkpoint that go into a piece. Their view is [rows, cols], or [cols] for a vector. */
export interface Source extends StoredEntries {
  rows: number
  cols: number
  /**
   * Scales of MXFP4 weights: bytes [rows, cols / 32]. Both tensors hold bytes then, and the source's own view is [rows,
   * cols / 2]. Absent: the weights are floats.
   */
  scales?: StoredEntries
  /** How the view reorders the whole tensor. Absent: it does not. */
  arrange?: (stored: Tensor) => Tensor
  /** Whether its rows are the columns of the tensor. */
  isTurned?: true
  /** Another source of the same weights, in checkpoints without this tensor. */
  instead?: Source
}

/** The source of weights that a checkpoint has. */
export function storedOf(source: Source, tensors: ReadonlyMap<string, unknown>): Source {
  const { tensor, instead } = source
  return instead && !tensors.has(tensor.key) && tensors.has(instead.tensor.key) ? instead : source
}

/**
 * Order of the rows of the sources in one piece. Each source is padded with zeros to a multiple of 32 rows. stacked:
 * one source after the other. interleaved: 32 rows of each in turn, so that a product reads together the rows that
 * belong together (gate and up). alternating: one source with the rows of both in turn (gate, up, gate, ..), which
 * become interleaved.
 */
export type SourceOrder = 'stacked' | 'interleaved' | 'alternating'

/** One matrix, table or vector of a part. */
export interface Piece {
  name: string
  /** Bytes from the start of its part, a multiple of 64. */
  offset: number
  bytes: number
  kind: PieceKind
  format: WeightFormat
  /** Outputs of a matrix, entries of a table, 1 for a vector; including the padding between sources. */
  rows: number
  cols: number
  /** One or more, all with the same number of columns, except in a vector. */
  sources: Source[]
  order: SourceOrder
}

/** Unit of reading: one tensor of a packed file. An expert is a part, so that it can be read alone. */
export interface Part {
  name: string
  /** The layer that it belongs to; absent for parts before and after all layers. */
  layer?: number
  /** The expert of that layer; absent for parts that every token needs. */
  expert?: { kind: MixtureKind; id: number }
  /** A multiple of 64, padding included. */
  bytes: number
  pieces: Piece[]
}

/** Name of the part with all pieces of a layer that every token needs, such as norms and routers. */
export function densePartName(layer: number): string {
  return `layers.${layer}.dense`
}

const EXPERT_NAME = /^layers\.\d+\.(attention|mlp)\.\d+$/

/** Whether a part is an expert, by its name alone. */
export function isExpertName(name: string): boolean {
  return EXPERT_NAME.test(name)
}

/** Place of every weight of a model. It depends on the model's shape and formats alone. */
export interface Layout {
  /** In the order of the packed file, which is the order of use. */
  parts: Part[]
  bytes: number
  /** One more than the highest layer of any part. */
  layers: number
  /** Returns a part by its name. Throws if the model has none of this name. */
  part(name: string): Part
  find(name: string): Part | undefined
  /** Returns the experts of one kind in a layer, by their ids; none if the layer has no such mixture. */
  experts(layer: number, kind: MixtureKind): Part[]
}

/** Description of a model for packing. */
export interface Blueprint {
  /** Plans the parts, in order, as they are iterated. Pure: the same formats give the same parts. */
  parts(formats: PartFormats): Iterable<Part>
  /** Whether a tensor of the checkpoint is known to be useless, so that it causes no warning. */
  ignores(tensor: string): boolean
  /** Whether other unused tensors are refused, because other implementations would compute with them. */
  refusesUnknownTensors: boolean
  /** Whether `parts` reads experts from MXFP4 tensors if `formats.mlp` is mxfp4 or mxfp4_f32. */
  readsMxfp4: boolean
  /** Source of the model's sizes, for messages. Default config.json. */
  settings?: string
}

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
    find: (name) => byName.get(name),
    experts: (layer, kind) => experts.get(`${layer} ${kind}`) ?? [],
  }
}

/** Returns a piece of a part by its name. Throws if the part has none of this name. */
export function pieceOf(part: Part, name: string): Piece {
  const piece = part.pieces.find((piece) => piece.name === name)
  if (piece === undefined) throw new RangeError(`part ${part.name} has no piece ${name}`)
  return piece
}
