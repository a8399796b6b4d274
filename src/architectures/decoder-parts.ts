import { type Mixture, type ModelConfig, routerRows } from '../model/config.js'
import type { PartFormats } from '../packing/format/formats.js'
import { densePartName, type Part, type Source } from '../packing/format/layout.js'
import { matrix, type PlannedPiece, part, table, vector, whole } from '../packing/format/pieces.js'
import type { DecoderConfig } from './decoder-config.js'

/*
 * Parts that several families name alike.
 */

/** Parts of a model: embedding, layers, last norm (a tensor's name), head; `layer` yields the parts of a layer. */
export function* decoderParts(
  { vocabSize: V, width: d, layers, tieWordEmbeddings }: ModelConfig,
  formats: PartFormats,
  layer: (index: number) => Iterable<Part>,
  { lastNorm = 'model.norm' } = {},
): Generator<Part> {
  yield part('embedding', [table('table', formats.embedding, whole('model.embed_tokens.weight', [V, d]))])
  for (let l = 0; l < layers; l++) yield* layer(l)
  yield part('final', [vector('norm.weight', whole(`${lastNorm}.weight`, [d]))])
  const head = tieWordEmbeddings ? 'model.embed_tokens.weight' : 'lm_head.weight'
  yield part('lm_head', [matrix('weight', formats.head, whole(head, [V, d]))])
}

/** Makes the part with the pieces of a layer that every token needs. */
export function densePart(layer: number, pieces: PlannedPiece[]): Part {
  return part(densePartName(layer), pieces, { layer })
}

/** Makes a part for each expert of a mixture in a layer; `pieces` returns those of expert `id` of `count`. */
export function* expertParts(
  layer: number,
  { kind, experts }: Mixture,
  pieces: (id: number, count: number) => PlannedPiece[],
): Generator<Part> {
  const count = experts[layer]
  for (let id = 0; id < count; id++) {
    yield part(`layers.${layer}.${kind}.${id}`, pieces(id, count), { layer, expert: { kind, id } })
  }
}

/** The two norms of a layer, before attention and before the experts. */
export function normPieces(
  layer: number,
  d: number,
  [first, second]: readonly [string, string] = ['input_layernorm', 'post_attention_layernorm'],
): PlannedPiece[] {
  const key = (name: string) => `model.layers.${layer}.${name}.weight`
  return [vector('norm1.weight', whole(key(first), [d])), vector('norm2.weight', whole(key(second), [d]))]
}

/** Grouped-query attention: queries, keys and values as one matrix, the output (a tensor's name), and their biases. */
export function attentionPieces(
  config: DecoderConfig,
  formats: PartFormats,
  layer: number,
  { output = 'o_proj' } = {},
): PlannedPiece[] {
  const { width: d, heads: H, keyValueHeads: K, headSize, attentionBias } = config
  const key = (name: string) => `model.layers.${layer}.self_attn.${name}`
  const projections = [
    { name: 'q_proj', rows: H * headSize },
    { name: 'k_proj', rows: K * headSize },
    { name: 'v_proj', rows: K * headSize },
  ]
  const weights = projections.map(({ name, rows }) => whole(key(`${name}.weight`), [rows, d]))
  const biases = projections.map(({ name, rows }) => whole(key(`${name}.bias`), [rows]))
  return [
    matrix('qkv.weight', formats.attention, weights),
    ...(attentionBias === 'none' ? [] : [vector('qkv.bias', biases)]),
    matrix('output.weight', formats.attention, whole(key(`${output}.weight`), [d, H * headSize])),
    ...(attentionBias === 'all' ? [vector('output.bias', whole(key(`${output}.bias`), [d]))] : []),
  ]
}

/** Matrices, or biases, of a gated layer. */
export interface Gated {
  gate: Source
  up: Source
  down: Source
}

/**
 * Pieces of an expert or of a dense layer: gate and up as one matrix, whose product gates its rows as it computes them,
 * and down. Biases, if there are any, are in the order of the matrices' rows.
 */
export function gatedPieces(
  format: PartFormats['mlp'],
  { gate, up, down }: Gated,
  { prefix = '', biases }: { prefix?: string; biases?: Gated } = {},
): PlannedPiece[] {
  return [
    matrix(`${prefix}gate_up`, format, [gate, up], 'interleaved'),
    ...(biases ? [vector(`${prefix}gate_up.bias`, [biases.gate, biases.up], 'interleaved')] : []),
    matrix(`${prefix}down`, format, down),
    ...(biases ? [vector(`${prefix}down.bias`, biases.down)] : []),
  ]
}

/**
 * The same from tensors whose names begin with `key`: gate [f, d], up [f, d], down [d, f]; and with `bias` their biases.
 */
export function gatedTensors(
  format: PartFormats['mlp'],
  key: string,
  f: number,
  d: number,
  prefix = '',
  [gate, up, down]: readonly [string, string, string] = ['gate_proj', 'up_proj', 'down_proj'],
  bias = false,
): PlannedPiece[] {
  const tensor = (name: string, shape: number[]) => whole(`${key}.${name}`, shape)
  const weights = {
    gate: tensor(`${gate}.weight`, [f, d]),
    up: tensor(`${up}.weight`, [f, d]),
    down: tensor(`${down}.weight`, [d, f]),
  }
  const biases = { gate: tensor(`${gate}.bias`, [f]), up: tensor(`${up}.bias`, [f]), down: tensor(`${down}.bias`, [d]) }
  return gatedPieces(format, weights, { prefix, ...(bias && { biases }) })
}

/** Whether a tensor that some files have is unused: frequencies, or the head of a tied model. */
export function isUnused(tensor: string, { tieWordEmbeddings }: ModelConfig): boolean {
  return tensor.endsWith('.rotary_emb.inv_freq') || (tieWordEmbeddings && tensor === 'lm_head.weight')
}

/**
 * Pieces of a mixture's router in a layer: f32 in every packing, since it is small and a wrong expert costs more than a
 * bit. `selection` is the source of the bias that only chooses, an entry per expert.
 */
export function routerPieces(
  config: ModelConfig,
  key: string,
  layer: number,
  mixture: Mixture,
  selection?: Source,
): PlannedPiece[] {
  const { kind } = mixture
  const rows = routerRows(mixture, layer)
  return [
    matrix(`${kind}.router.logits.weight`, 'f32', whole(`${key}.weight`, [rows, config.width])),
    ...(config.gateBias ? [vector(`${kind}.router.bias`, whole(`${key}.bias`, [rows]))] : []),
    ...(selection ? [vector(`${kind}.router.selection`, selection)] : []),
  ]
}
