import { select, type Tensor, transpose } from '../checkpoint/tensor.js'
import { type MixtureKind, type ModelConfig, routerRows } from '../model/config.js'
import { aligned, type PartFormats, type PieceKind, packedBytes, type RowsFormat, type WeightFormat } from './format.js'

/** One matrix, table or vector of a part. */
export interface Piece {
  name: string
  /** Bytes from the start of its part, a multiple of 64. */
  offset: number
  bytes: number
  kind: PieceKind
  format: WeightFormat
  /** Outputs of a matrix, entries of a table, 1 for a vector. */
  rows: number
  cols: number
  /** The checkpoint's tensor that it comes from, whole: one that holds all experts of a layer has three dimensions. */
  tensor: { key: string; shape: number[] }
  /** Its weights in a checkpoint: [rows, cols], for a vector [cols]. */
  view: (tensors: Map<string, Tensor>) => Tensor
}

/** What is read at once: one tensor of a packed file. An expert is a part, so that it can be fetched alone. */
export interface Part {
  name: string
  /** The layer it belongs to; absent where it belongs to none. */
  layer?: number
  /** The expert that it is, by its kind and its number within the layer. */
  expert?: { kind: MixtureKind; id: number }
  /** A multiple of 64, padding included. */
  bytes: number
  pieces: Piece[]
}

/** Where every weight of a model lies. A function of its shape and formats alone. */
export interface Layout {
  /** In the order of the packed file, which is the order of use. */
  parts: Part[]
  /** Sum of all parts. */
  bytes: number
  /** A part by its name. Throws when the model has none of this name. */
  part(name: string): Part
}

/** Plans where the weights of a model lie. Pure: the same model and formats give the same layout. */
export function planLayout(config: ModelConfig, formats: PartFormats): Layout {
  const parts = [...plannedParts(config, formats)]
  const byName = new Map(parts.map((part) => [part.name, part]))
  return {
    parts,
    bytes: parts.reduce((sum, part) => sum + part.bytes, 0),
    part(name) {
      const part = byName.get(name)
      if (part === undefined) throw new RangeError(`the model has no part ${name}`)
      return part
    },
  }
}

/** A piece of a part by its name. Throws when the part has none of this name. */
export function pieceOf(part: Part, name: string): Piece {
  const piece = part.pieces.find((piece) => piece.name === name)
  if (piece === undefined) throw new RangeError(`part ${part.name} has no piece ${name}`)
  return piece
}

/** Name of the part with the output matrix. */
export function headName(config: ModelConfig): 'lm_head' | 'score' {
  return config.architecture === 'classifier' ? 'score' : 'lm_head'
}

/** The parts of a model in their order, planned as they are asked for. */
export function* plannedParts(config: ModelConfig, formats: PartFormats): Generator<Part> {
  const { vocabSize: V, width: d, attentionHidden: A, ffnHidden: F, attentionExperts, mlpExperts } = config
  const embedding = whole('transformer.wte.weight', [V, d])
  yield part('embedding', [table('table', formats.embedding, embedding)])

  for (let layer = 0; layer < config.layers; layer++) {
    const block = `transformer.h.${layer}`
    const [Ea, Em] = [attentionExperts[layer], mlpExperts[layer]]
    yield part(`layers.${layer}.dense`, densePieces(config, formats, layer), { layer })
    for (let e = 0; e < Ea; e++) {
      const pieces = [
        matrix('query', formats.attention, expert(`${block}.attn.q_proj.experts.weight`, [Ea, d, A], e)),
        matrix('output', formats.attention, expert(`${block}.attn.q_proj.output_experts.weight`, [Ea, A, d], e)),
      ]
      yield part(`layers.${layer}.attention.${e}`, pieces, { layer, expert: { kind: 'attention', id: e } })
    }
    for (let e = 0; e < Em; e++) {
      const pieces = [
        matrix('input', formats.mlp, expert(`${block}.mlpf.experts.weight`, [Em, d, F], e)),
        matrix('output', formats.mlp, expert(`${block}.mlpf.output_experts.weight`, [Em, F, d], e)),
      ]
      yield part(`layers.${layer}.mlp.${e}`, pieces, { layer, expert: { kind: 'mlp', id: e } })
    }
  }

  yield part('final', norm('ln_f', 'transformer.ln_f', d))
  yield part(headName(config), [matrix('weight', formats.head, headWeights(config, embedding))])
}

/** What every token of a layer needs: norms, routers, keys and values. */
function densePieces(config: ModelConfig, formats: PartFormats, layer: number): PlannedPiece[] {
  const block = `transformer.h.${layer}`
  const { width: d, attentionHidden: A } = config
  const keyValue = config.sharedKeyValue
    ? []
    : [
        matrix('key.weight', formats.attention, whole(`${block}.attn.k_proj.weight`, [A, d])),
        vector('key.bias', whole(`${block}.attn.k_proj.bias`, [A])),
        matrix('value.weight', formats.attention, whole(`${block}.attn.v_proj.weight`, [A, d])),
        vector('value.bias', whole(`${block}.attn.v_proj.bias`, [A])),
      ]
  return [
    ...norm('ln_1', `${block}.ln_1`, d),
    ...routerPieces(config, formats, layer, 'attention', `${block}.attn.q_proj.gate`),
    ...keyValue,
    ...norm('ln_2', `${block}.ln_2`, d),
    ...routerPieces(config, formats, layer, 'mlp', `${block}.mlpf.gate`),
  ]
}

/** The matrix that scores the experts is f32 in every packing: it is small, and a wrong expert costs more than a bit. */
function routerPieces(
  config: ModelConfig,
  formats: PartFormats,
  layer: number,
  kind: 'attention' | 'mlp',
  gate: string,
): PlannedPiece[] {
  const { width: d, gatingSize: G } = config
  const name = `${kind}.router`
  const E = routerRows(config, layer, kind)
  // No checkpoint has such a bias; a packed model can be given one.
  const bias = config.gateBias ? [vector(`${name}.bias`, whole(`${gate}.bias`, [E]))] : []
  switch (config.gateType) {
    case 'mlp':
      return [
        matrix(`${name}.hidden.weight`, formats.router, whole(`${gate}.w_gate.0.weight`, [G, d])),
        vector(`${name}.hidden.bias`, whole(`${gate}.w_gate.0.bias`, [G])),
        matrix(`${name}.logits.weight`, 'f32', whole(`${gate}.w_gate.3.weight`, [E, G])),
        ...bias,
      ]
    case 'linear':
      return [matrix(`${name}.logits.weight`, 'f32', whole(`${gate}.w_gate.0.weight`, [E, d])), ...bias]
    case 'gmm':
      return [
        matrix(`${name}.projection.weight`, formats.router, whole(`${gate}.w_gate.weight`, [G, d])),
        matrix(`${name}.centroids`, 'f32', whole(`${gate}.expert_centroids`, [E, G])),
        vector(`${name}.temperature`, whole(`${gate}.temperature`, [1])),
        ...bias,
      ]
  }
}

function norm(name: string, key: string, d: number): PlannedPiece[] {
  return [vector(`${name}.weight`, whole(`${key}.weight`, [d])), vector(`${name}.bias`, whole(`${key}.bias`, [d]))]
}

function headWeights(config: ModelConfig, embedding: Origin): Origin {
  const { architecture, labels = [], width: d, vocabSize: V } = config
  if (architecture === 'classifier') return whole('score.weight', [labels.length, d])
  return config.tieWordEmbeddings ? embedding : whole('lm_head.weight', [V, d])
}

/** Where a piece's weights come from: a tensor of the checkpoint, or the part of one that belongs to an expert. */
interface Origin extends Pick<Piece, 'tensor' | 'view'> {
  rows: number
  cols: number
}

function whole(key: string, shape: number[]): Origin {
  const [rows, cols] = shape.length === 1 ? [1, shape[0]] : shape
  return { tensor: { key, shape }, rows, cols, view: (tensors) => stored(tensors, key) }
}

/** Experts are stored [expert, in, out], the opposite of other matrices, so each is transposed. */
function expert(key: string, shape: number[], index: number): Origin {
  const [, cols, rows] = shape
  return { tensor: { key, shape }, rows, cols, view: (tensors) => transpose(select(stored(tensors, key), 0, index)) }
}

function stored(tensors: Map<string, Tensor>, key: string): Tensor {
  const tensor = tensors.get(key)
  if (tensor === undefined) throw new RangeError(`the checkpoint has no tensor ${key}`)
  return tensor
}

/** A piece before its place within the part is known. */
type PlannedPiece = Omit<Piece, 'offset'>

function matrix(name: string, format: WeightFormat, origin: Origin): PlannedPiece {
  return { name, kind: 'matrix', format, bytes: packedBytes('matrix', format, origin.rows, origin.cols), ...origin }
}

function table(name: string, format: RowsFormat, origin: Origin): PlannedPiece {
  return { name, kind: 'rows', format, bytes: packedBytes('rows', format, origin.rows, origin.cols), ...origin }
}

function vector(name: string, origin: Origin): PlannedPiece {
  return { name, kind: 'vector', format: 'f32', bytes: packedBytes('vector', 'f32', 1, origin.cols), ...origin }
}

function part(name: string, planned: PlannedPiece[], place: Pick<Part, 'layer' | 'expert'> = {}): Part {
  let offset = 0
  const pieces = planned.map((piece) => {
    const placed = { ...piece, offset }
    offset += aligned(piece.bytes)
    return placed
  })
  return { name, ...place, bytes: offset, pieces }
}
