import { UserError } from '../../ground/errors.js'
import { printable } from '../../ground/printable.js'
import { changedNumbers } from '../checkpoint/changed-numbers.js'
import { inOrder } from '../checkpoint/row-order.js'
import { contiguousStrides, elementCount, rows, select, type Tensor } from '../checkpoint/tensor.js'
import type { Blueprint, Part, Piece, Source } from '../packing/format/layout.js'
import { familyOf } from './config/config.js'
import { FamilyKeys } from './config/family-keys.js'
import type { GgufFile } from './file/gguf-file.js'
import { DENSE_PIECES, EXPERT_PIECES, OUTER_PIECES, type PieceNames } from './piece-names.js'

/** Tensors that are known to be useless: frequencies that follow from the base. */
const UNUSED = /^(blk\.\d+\.)?(attn_rot_embd|attn\.rotary_emb\.inv_freq)(\.weight)?$/

/** A model's parts and pieces, whose sources are the tensors of a GGUF file. */
export function ggufBlueprint(blueprint: Blueprint, file: GgufFile): Blueprint {
  const keys = new FamilyKeys(file)
  const counts = { experts: keys.number('expert_count', 0), heads: Math.max(...keys.values('attention.head_count')) }
  const arranged = arrangedPieces(keys)
  const pieceIn = (part: Part, piece: Piece): Piece => {
    const { names, ...options } = placeOf(part, piece, counts)
    const sources = sourcesIn(file, piece, names, { ...options, arrange: arranged[piece.name] })
    return { ...piece, sources, order: piece.order === 'alternating' ? 'interleaved' : piece.order }
  }
  return {
    *parts(formats) {
      for (const part of blueprint.parts(formats)) {
        yield { ...part, pieces: part.pieces.map((piece) => pieceIn(part, piece)) }
      }
    },
    ignores: (tensor) =>
      UNUSED.test(tensor) ||
      isDrafting(tensor, keys) ||
      (tensor === 'rope_freqs.weight' && familyOf(keys).stopsRotations === true),
    refusesUnknownTensors: true,
    readsMxfp4: false,
    settings: 'metadata',
  }
}

/** Whether a tensor is of a layer behind the last one, which predicts further tokens. */
function isDrafting(tensor: string, keys: FamilyKeys): boolean {
  const block = Number(/^blk\.(\d+)\./.exec(tensor)?.[1] ?? -1)
  return block >= keys.layers && block < keys.number('block_count')
}

/** Names of a piece's tensors, and the expert or the head that it belongs to. */
function placeOf(
  part: Part,
  piece: Piece,
  { experts, heads }: { experts: number; heads: number },
): Omit<SourceOptions, 'arrange'> & { names: PieceNames } {
  const { layer, expert } = part
  const [, ofHeads, head] = /^(latent\.\w+)\.(\d+)$/.exec(piece.name) ?? []
  const [table, key] =
    layer === undefined
      ? [OUTER_PIECES, `${part.name}/${piece.name}`]
      : [expert ? EXPERT_PIECES : DENSE_PIECES, ofHeads ?? piece.name]
  if (!Object.hasOwn(table, key)) throw new UserError(`GGUF has no tensor for ${piece.name} of ${part.name}`)
  return {
    names: table[key],
    prefix: layer === undefined ? '' : `blk.${layer}.`,
    ...(expert && { stacked: { id: expert.id, count: experts } }),
    ...(head && { stacked: { id: Number(head), count: heads } }),
  }
}

/** Pieces whose sources need another order of rows, or another sign. */
function arrangedPieces(keys: FamilyKeys): Readonly<Record<string, (Arrange | undefined)[]>> {
  const { permutesRows, hasPositiveRates } = familyOf(keys)
  if (hasPositiveRates) return { 'delta.rates': [(tensor) => changedNumbers(tensor, (rate) => -rate)] }
  if (!permutesRows) return {}
  const heads = keys.uniform('attention.head_count')
  const queries: Arrange = (tensor) => inHalves(tensor, heads)
  const keyHeads = keys.uniform('attention.head_count_kv', heads)
  const keysOfHeads: Arrange = (tensor) => inHalves(tensor, keyHeads)
  const order = [queries, keysOfHeads, undefined]
  return { 'qkv.weight': order, 'qkv.bias': order }
}

/**
 * Queries or keys, [heads * size, ..] or a vector, in the order of Hugging Face, whose channels turn with the ones half a
 * head apart. llama.cpp turns neighbouring channels together: in its files the rows of a head's two halves take
 * turns. A UserError if the rows do not fit.
 */
function inHalves(tensor: Tensor, heads: number): Tensor {
  const [count] = tensor.shape
  const half = count / heads / 2
  if (!Number.isInteger(half)) {
    throw new UserError(
      `${tensor.source.name}: tensor ${printable(tensor.name)} does not consist of ${heads} heads of pairs`,
    )
  }
  return inOrder(tensor, count, (row) => {
    const inHead = row % (2 * half)
    return row - inHead + 2 * (inHead % half) + Math.floor(inHead / half)
  })
}

/** Changes a tensor of a file before rows of it are taken. */
type Arrange = (tensor: Tensor) => Tensor

interface SourceOptions {
  prefix: string
  /** The expert or head, and the number of them that a tensor has. */
  stacked?: { id: number; count: number }
  /** Changes of the sources' tensors, by their index. */
  arrange?: readonly (Arrange | undefined)[]
}

/** Sources of a piece in a file, with the rows and columns of the planned ones. */
function sourcesIn(file: GgufFile, piece: Piece, names: PieceNames, options: SourceOptions): Source[] {
  const { prefix, stacked, arrange = [] } = options
  const arranged = (tensor: Tensor, index: number) => arrange[index]?.(tensor) ?? tensor
  const hasAny = (named: readonly string[]) => named.some((name) => file.tensors.has(prefix + name))
  const isVector = piece.kind === 'vector'
  const planned = wholeSources(piece)
  const shapeOf = ({ rows, cols }: Pick<Source, 'rows' | 'cols'>) => (isVector ? [cols] : [rows, cols])
  if (names.whole !== undefined && arePartsOfOne(piece) && !hasAny(names.sources[0] ?? [])) {
    const key = prefix + names.whole
    return piece.sources.map((source) => partOf(file, key, source))
  }
  const { wholes } = names
  if (wholes !== undefined && !arePartsOfOne(piece)) {
    const nameOf = ({ tensor }: Source) => Object.keys(wholes).find((end) => tensor.key.endsWith(end)) ?? ''
    return piece.sources.map((source) => partOf(file, prefix + wholes[nameOf(source)], source))
  }
  const joined = names.joined === undefined ? undefined : prefix + names.joined
  const isInOrder = planned.every(({ arrange }) => arrange === undefined)
  if (joined !== undefined && isInOrder && file.tensors.has(joined)) {
    const total = isVector ? [sum(planned, 'cols')] : [sum(planned, 'rows'), planned[0].cols]
    let from = 0
    return planned.map((source, index) => {
      const first = from
      from += isVector ? source.cols : source.rows
      const end = from
      return inTensor(file, joined, source, total, {
        stacked,
        take: (t) => arranged(rows(t, first, end), index),
      })
    })
  }
  const single = stacked && names.single?.map((name) => prefix + name.replace('{e}', String(stacked.id)))
  if (single?.every((name) => file.tensors.has(name))) {
    return planned.map((source, index) => inTensor(file, single[index], source, shapeOf(source), {}))
  }
  return planned.map((source, index) => {
    // Only rows in another order share a tensor with an earlier source.
    const taken = source.arrange ? [] : names.sources.slice(0, index).flat()
    const known = names.sources[index].filter((name) => !taken.includes(name)).map((name) => prefix + name)
    const name = known.find((name) => file.tensors.has(name)) ?? known[0]
    return isArranged(file, name, source)
      ? inTensor(file, name, source, source.tensor.shape, { take: source.arrange })
      : inTensor(file, name, source, shapeOf(source), { stacked, take: (t) => arranged(t, index) })
  })
}

function arePartsOfOne({ sources }: Piece): boolean {
  return sources.every(({ tensor }) => tensor.key === sources[0].tensor.key)
}

/** Whether a tensor has the rows of a checkpoint's whole tensor, which the planned source reorders. */
function isArranged(file: GgufFile, name: string, { tensor, arrange }: Planned): boolean {
  return arrange !== undefined && file.tensors.get(name)?.shape[0] === tensor.shape[0]
}

type Planned = Pick<Source, 'rows' | 'cols' | 'tensor' | 'arrange'>

/** The planned sources; one with alternating rows counts as its two halves. */
function wholeSources({ sources, order }: Piece): Planned[] {
  if (order !== 'alternating') return sources
  return sources.flatMap(({ rows, cols, tensor }) => [
    { rows: rows / 2, cols, tensor },
    { rows: rows / 2, cols, tensor },
  ])
}

/** A source in a tensor of a shape; of one of several in a tensor, this has one more dimension in front. */
function inTensor(
  file: GgufFile,
  key: string,
  { rows, cols }: Pick<Source, 'rows' | 'cols'>,
  ownShape: number[],
  { stacked, take = (t) => t }: { stacked?: SourceOptions['stacked']; take?: Arrange },
): Source {
  const shape = stacked ? [stacked.count, ...ownShape] : ownShape
  const view = (tensors: Map<string, Tensor>) => {
    const whole = shaped(tensors, key, shape)
    return take(stacked ? select(whole, 0, stacked.id) : whole)
  }
  return { tensor: { key, shape: shapeIn(file, key, shape) }, rows, cols, view }
}

/** A source in the tensor `key`, as it is in the checkpoint's own tensor. */
function partOf(file: GgufFile, key: string, source: Source): Source {
  const { key: own, shape } = source.tensor
  const view = (tensors: Map<string, Tensor>) => source.view(new Map([[own, shaped(tensors, key, shape)]]))
  return { ...source, tensor: { key, shape: shapeIn(file, key, shape) }, view }
}

function shaped(tensors: Map<string, Tensor>, key: string, shape: number[]): Tensor {
  const tensor = tensors.get(key)
  if (tensor === undefined) throw new RangeError(`the file has no tensor ${key}`)
  return { ...tensor, shape, strides: contiguousStrides(shape) }
}

/** The shape that a tensor has in the file, if it is as good as this one; else this one, which a check will miss. */
function shapeIn(file: GgufFile, key: string, shape: number[]): number[] {
  const stored = file.tensors.get(key)?.shape
  if (stored === undefined) return shape
  // GGUF keeps no dimensions of 1 at the end, which is our beginning, or may have more of them; vectors may have groups.
  const isSame = String(stored.filter(isMore)) === String(shape.filter(isMore))
  const isVector = shape.length === 1 && elementCount(stored) === shape[0]
  return isSame || isVector ? stored : shape
}

function isMore(size: number): boolean {
  return size !== 1
}

function sum(sources: readonly Pick<Source, 'rows' | 'cols'>[], key: 'rows' | 'cols'): number {
  return sources.reduce((total, source) => total + source[key], 0)
}
