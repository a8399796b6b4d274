import { UserError } from '../../ground/errors.js'
import { printable } from '../../ground/printable.js'
import { inOrder } from '../checkpoint/row-order.js'
import type { Tensor } from '../checkpoint/tensor.js'
import type { Blueprint, Part, Piece } from '../packing/format/layout.js'
import { familyOf } from './config.js'
import { FamilyKeys } from './family-keys.js'
import type { GgufFile } from './gguf-file.js'
import { DENSE_PIECES, EXPERT_PIECES, OUTER_PIECES, type PieceNames } from './piece-names.js'
import { type Arrange, type SourceOptions, sourcesIn } from './sources.js'

/** Tensors that are known to be useless: frequencies that follow from the base. */
const UNUSED = /^(blk\.\d+\.)?(attn_rot_embd|attn\.rotary_emb\.inv_freq)(\.weight)?$/

/** A model's parts and pieces, whose sources are the tensors of a GGUF file. */
export function ggufBlueprint(blueprint: Blueprint, file: GgufFile): Blueprint {
  const keys = new FamilyKeys(file)
  const experts = keys.number('expert_count', 0)
  const arranged = arrangedPieces(keys)
  const pieceIn = (part: Part, piece: Piece): Piece => {
    const { names, ...options } = placeOf(part, piece, experts)
    const sources = sourcesIn(file, piece, names, { ...options, arrange: arranged[piece.name] })
    return { ...piece, sources, order: piece.order === 'alternating' ? 'interleaved' : piece.order }
  }
  return {
    *parts(formats) {
      for (const part of blueprint.parts(formats)) {
        yield { ...part, pieces: part.pieces.map((piece) => pieceIn(part, piece)) }
      }
    },
    ignores: (tensor) => UNUSED.test(tensor) || isDrafting(tensor, keys),
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

/** Names of a piece's tensors, and the expert that it belongs to. */
function placeOf(part: Part, piece: Piece, count: number): Omit<SourceOptions, 'arrange'> & { names: PieceNames } {
  const { layer, expert } = part
  const [table, key] =
    layer === undefined
      ? [OUTER_PIECES, `${part.name}/${piece.name}`]
      : [expert ? EXPERT_PIECES : DENSE_PIECES, piece.name]
  if (!Object.hasOwn(table, key)) throw new UserError(`GGUF has no tensor for ${piece.name} of ${part.name}`)
  return {
    names: table[key],
    prefix: layer === undefined ? '' : `blk.${layer}.`,
    ...(expert && { expert: { id: expert.id, count } }),
  }
}

/** Pieces whose sources need another order of rows. */
function arrangedPieces(keys: FamilyKeys): Readonly<Record<string, (Arrange | undefined)[]>> {
  if (!familyOf(keys).permutesRows) return {}
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
