import { type BlockType, type DType, isBlockType } from '../checkpoint/dtype.js'
import {
  formatsFor,
  isMxfp4,
  type PartFormats,
  QUANTS,
  type Quant,
  type WeightFormat,
} from '../packing/format/formats.js'
import type { Blueprint, Part, Piece, Source } from '../packing/format/layout.js'
import { everyExpert } from '../packing/format/pieces.js'
import type { GgufFile } from './file/gguf-file.js'

/** Formats that keep what a block type has. */
const KEPT: Readonly<Record<BlockType, Exclude<WeightFormat, 'f32' | 'mxfp4_f32'>>> = {
  Q4_0: 'q4',
  Q4_1: 'q4m',
  Q4_K: 'q4m',
  Q5_0: 'q8',
  Q5_1: 'q8',
  Q5_K: 'q8',
  Q6_K: 'q8',
  Q8_0: 'q8',
  IQ4_NL: 'q8',
  MXFP4: 'mxfp4',
}

/** Kinds of matrices whose format a packing chooses. */
const KINDS = ['attention', 'mlp', 'head'] as const
type Kind = (typeof KINDS)[number]

/** Formats of a plan that tell attention and MLP apart. Matrices that are f32 in every packing stay so in it. */
const TELLING = { embedding: 'f32', router: 'f32', attention: 'q8', mlp: 'q4', head: 'q4' } as const

interface Matrix {
  kind: Kind
  /** Keys in `PartFormats.pieces`: of the matrix alone, and of the same matrix in all experts of its layer. */
  key: string
  anyKey: string
  isExpert: boolean
  weights: number
  dtypes: DType[]
}

/**
 * Formats of a packing of a GGUF file, by the blueprint from `ggufBlueprint`. Without `quant` each matrix keeps what
 * the file has, as far as a format does; most experts give the packing its name, and floats are packed as the name
 * says. With `quant` all are packed so. Experts in MXFP4 keep their bits in both cases.
 */
export function ggufFormats(
  blueprint: Blueprint,
  file: GgufFile,
  quant?: Quant,
): { quant: Quant; formats: PartFormats } {
  const matrices = [...matricesOf(blueprint, file)]
  const name = quant ?? nearestQuant(matrices)
  const formatOf = (matrix: Matrix): WeightFormat => {
    if (matrix.dtypes.every((dtype) => dtype === 'MXFP4')) return mxfp4Format(matrix.kind, name)
    return quant ?? finest(matrix.dtypes, name)
  }
  const wanted = matrices.map((matrix) => ({ ...matrix, format: formatOf(matrix) }))
  const base = { ...formatsFor(name) }
  for (const kind of KINDS) base[kind] = baseOf(kind, wanted, name)
  const pieces = exceptions(wanted, base)
  return { quant: name, formats: Object.keys(pieces).length === 0 ? base : { ...base, pieces } }
}

function* matricesOf(blueprint: Blueprint, file: GgufFile): Generator<Matrix> {
  for (const part of blueprint.parts(TELLING)) {
    for (const piece of part.pieces) {
      if (piece.kind !== 'matrix' || piece.format === 'f32') continue
      const dtypes = piece.sources.map((source) => dtypeOf(source, file))
      yield { kind: kindOf(part, piece), ...keysOf(part, piece), weights: piece.rows * piece.cols, dtypes }
    }
  }
}

/** Type of a source. Blocks along its columns are rounded again, so that it counts as one of more bits. */
function dtypeOf({ tensor, isTurned }: Source, file: GgufFile): DType {
  const dtype = file.tensors.get(tensor.key)?.dtype ?? 'F32'
  return isTurned && isBlockType(dtype) ? 'Q8_0' : dtype
}

function kindOf({ layer }: Part, { format }: Piece): Kind {
  if (layer === undefined) return 'head'
  return format === TELLING.attention ? 'attention' : 'mlp'
}

function keysOf({ name, expert }: Part, piece: Piece): Pick<Matrix, 'key' | 'anyKey' | 'isExpert'> {
  const key = `${name}/${piece.name}`
  if (!expert) return { key, anyKey: key, isExpert: false }
  return { key, anyKey: `${everyExpert(name)}/${piece.name}`, isExpert: true }
}

/** The packing that is nearest to most weights of the experts, or of all matrices if there are no experts. */
function nearestQuant(matrices: readonly Matrix[]): Quant {
  let balance = 0
  const isDense = !matrices.some(({ isExpert }) => isExpert)
  for (const { isExpert, weights, dtypes } of matrices) {
    if (isExpert || isDense) balance += finest(dtypes, 'q4') === 'q8' ? weights : -weights
  }
  return balance > 0 ? 'q8' : 'q4'
}

/** The format that keeps the most of any source of a matrix. */
function finest(dtypes: readonly DType[], floats: Quant): WeightFormat {
  const formats = new Set(dtypes.map((dtype) => (isBlockType(dtype) ? KEPT[dtype] : floats)))
  if (formats.size === 1) return [...formats][0]
  // No format of 4 bits holds MXFP4 and others.
  return formats.has('q8') || formats.has('mxfp4') ? 'q8' : 'q4m'
}

/** MXFP4 of a packing. Products of attention and of the head take floats as f32 alone. */
function mxfp4Format(kind: Kind, quant: Quant): WeightFormat {
  if (quant !== 'f32') return 'mxfp4'
  return kind === 'mlp' ? 'mxfp4_f32' : 'f32'
}

/** The format that most matrices of a kind have, if a kind can have it; else the format in the packing's name. */
function baseOf(kind: Kind, all: readonly { kind: Kind; format: WeightFormat }[], quant: Quant): WeightFormat {
  const matrices = all.filter((matrix) => matrix.kind === kind)
  // Products whose weights may be MXFP4 need room to unpack them.
  if (matrices.some(({ format }) => format === 'mxfp4_f32')) return 'mxfp4_f32'
  const counts = new Map<WeightFormat, number>([[quant, 0]])
  for (const { format } of matrices) counts.set(format, (counts.get(format) ?? 0) + 1)
  const [most] = [...counts].reduce((most, entry) => (entry[1] > most[1] ? entry : most))
  const isOfKind = QUANTS.some((name) => name === most) || (isMxfp4(most) && kind === 'mlp')
  return isOfKind ? most : quant
}

/** Formats of the matrices that differ from their kinds' formats; one key for all experts of a layer that agree. */
function exceptions(
  matrices: readonly (Matrix & { format: WeightFormat })[],
  base: PartFormats,
): Record<string, WeightFormat> {
  const byLayer = new Map<string, typeof matrices>()
  for (const matrix of matrices) byLayer.set(matrix.anyKey, [...(byLayer.get(matrix.anyKey) ?? []), matrix])
  const pieces: Record<string, WeightFormat> = {}
  for (const [anyKey, group] of byLayer) {
    const [{ format, kind }] = group
    if (group.every((matrix) => matrix.format === format)) {
      if (format !== base[kind]) pieces[anyKey] = format
    } else {
      for (const { key, format, kind } of group) if (format !== base[kind]) pieces[key] = format
    }
  }
  return pieces
}
