import { type Mixture, type MixtureKind, type ModelConfig, routerRows } from '../../config/config.js'
import type { PartFormats } from '../../packing/format/formats.js'
import { densePartName, type Part, type Source } from '../../packing/format/layout.js'
import {
  changed,
  either,
  entriesOf,
  matrix,
  type PlannedPiece,
  part,
  regrouped,
  table,
  vector,
  whole,
} from '../../packing/format/pieces.js'
import { type DecoderConfig, hasExperts, headsIn } from './decoder-config.js'

/* Parts that several families name alike. */

/** Pieces of a layer: `dense` ones that every token needs, and the pieces of expert `id` of `count` of a kind. */
interface LayerPieces {
  dense: PlannedPiece[]
  expert: (id: number, count: number, kind: MixtureKind) => PlannedPiece[]
}

/**
 * Parts of a model: embedding and last norm (names of tensors), layers, head; `layer` returns the pieces of a layer.
 * `words` is the embedding if it has no single name.
 */
export function* decoderParts(
  { vocabSize: V, width: d, layers, tieWordEmbeddings, headBias, mixtures }: ModelConfig,
  formats: PartFormats,
  layer: (index: number) => LayerPieces,
  { embedding = 'model.embed_tokens', words = whole(`${embedding}.weight`, [V, d]), lastNorm = 'model.norm' } = {},
): Generator<Part> {
  yield part('embedding', [table('table', formats.embedding, words)])
  for (let l = 0; l < layers; l++) {
    const { dense, expert } = layer(l)
    yield densePart(l, dense)
    for (const mixture of mixtures) yield* expertParts(l, mixture, (id, count) => expert(id, count, mixture.kind))
  }
  yield part('final', [vector('norm.weight', whole(`${lastNorm}.weight`, [d]))])
  const head = tieWordEmbeddings ? `${embedding}.weight` : 'lm_head.weight'
  yield part('lm_head', [
    matrix('weight', formats.head, whole(head, [V, d])),
    ...(headBias ? [vector('bias', whole('lm_head.bias', [V]))] : []),
  ])
}

type GatedNames = readonly [gate: string, up: string, down: string]

/** Names of a layer's tensors, and pieces that not all families have. */
interface LayerNames {
  norms?: readonly string[]
  /** Norms of what attention and the experts add. Default: none. */
  normsAfter?: readonly string[]
  /** Pieces of a layer's mixer. Default: grouped-query attention. */
  mixer?: (layer: number) => PlannedPiece[]
  attention?: AttentionNames
  /** The experts with their router, or the network of a dense layer. Default: `mlp`. */
  feed?: string
  /** The experts with their router, if they have another name than a dense layer's network. */
  sparse?: string
  /** The router in it. Default: `gate`. */
  router?: string
  /** Bias of the choice of experts, or the names that files may have for it; or its source in a layer. */
  selection?: string | readonly [string, string] | ((layer: number, feed: string) => Source)
  /** The shared expert, or the names that files may have for it; and its gate. */
  shared?: string | readonly string[]
  sharedGate?: string
  gated?: GatedNames
  /** The same of experts, if they have other names. */
  expertGated?: GatedNames
  denseBias?: boolean
  /** The table of words, and the norm before the head. Default: `model.embed_tokens`, `model.norm`. */
  embedding?: string
  lastNorm?: string
}

/** Parts of a model whose experts have tensors of their own: norms, attention, and experts or a dense network. */
export function namedParts(config: DecoderConfig, formats: PartFormats, names: LayerNames = {}): Generator<Part> {
  const { feed = 'mlp', router = 'gate', selection, shared, sharedGate } = names
  const { queryKeyNorm: span, mixtures } = config
  const attention = (layer: number) => [
    ...attentionPieces(config, formats, layer, names.attention),
    ...(span ? queryKeyNorms(config, layer, span) : []),
  ]
  const selectionOf = (layer: number, key: string) => {
    if (!selection || !mixtures[0].routing?.selectionBias) return undefined
    if (typeof selection === 'function') return selection(layer, key)
    const [first, other] = [selection].flat().map((name) => whole(`${key}.${name}`, [mixtures[0].experts[layer]]))
    return other ? either(first, other) : first
  }
  const sparse = (layer: number, key: string) => [
    ...routerPieces(config, layer, `${key}.${router}`, { selection: selectionOf(layer, key) }),
    ...(shared
      ? gatedTensors(
          config,
          formats,
          'shared',
          [shared].flat().map((name) => `${key}.${name}`),
          names,
        )
      : []),
    ...(sharedGate && config.sharedGate && config.sharedHidden > 0
      ? [matrix('shared.gate', 'f32', whole(`${key}.${sharedGate}.weight`, [1, config.width]))]
      : []),
  ]
  const layerPieces = (layer: number): LayerPieces => {
    const isSparse = hasExperts(config, layer)
    const key = `model.layers.${layer}.${(isSparse && names.sparse) || feed}`
    return {
      dense: [
        ...normPieces(config, layer, names.norms),
        ...normPieces(config, layer, names.normsAfter ?? [], 'after'),
        ...(names.mixer ?? attention)(layer),
        ...(isSparse ? sparse(layer, key) : gatedTensors(config, formats, 'dense', key, names)),
      ],
      expert: (id) => gatedTensors(config, formats, 'expert', `${key}.experts.${id}`, names),
    }
  }
  return decoderParts(config, formats, layerPieces, names)
}

/** Makes the part with the pieces of a layer that every token needs. */
export function densePart(layer: number, pieces: PlannedPiece[]): Part {
  return part(densePartName(layer), pieces, { layer })
}

/** Makes a part for each expert of a mixture in a layer; `pieces` are for expert `id` of `count`. */
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

/** Norms of a layer: before attention and before the experts; `after`: of what these add. */
export function normPieces(
  { width: d }: ModelConfig,
  layer: number,
  names: readonly string[] = ['input_layernorm', 'post_attention_layernorm'],
  place: 'weight' | 'after' = 'weight',
): PlannedPiece[] {
  const norm = (name: string) => whole(`model.layers.${layer}.${name}.weight`, [d])
  return names.map((name, i) => vector(`norm${i + 1}.${place}`, norm(name)))
}

interface AttentionNames {
  /** Beginning of the names. Default: `self_attn` of the layer. */
  prefix?: string
  output?: string
  /** Matrix of the gates, which never have biases. Default: no gates. */
  gate?: string
  /** Whether the gates are in the matrix of the queries, whose rows are head by head: query, gate. Default: false. */
  gatesInQueries?: boolean
}

/** Grouped-query attention: queries, keys, values and gates as one matrix, the output (tensors' names), and biases. */
export function attentionPieces(
  config: DecoderConfig,
  formats: PartFormats,
  layer: number,
  { prefix = `model.layers.${layer}.self_attn`, output = 'o_proj', gate, gatesInQueries }: AttentionNames = {},
): PlannedPiece[] {
  const own = headsIn(config, layer)
  const { width: d, heads: H, keyValueHeads: K, headSize, attentionBias, attentionGate, valuesFromKeys } = own
  const key = (name: string) => `${prefix}.${name}`
  const projections = (suffix: string, columns: number[]): Source[] => {
    const rowsOf = (name: string, heads: number, size = headSize) =>
      whole(key(`${name}.${suffix}`), [heads * size, ...columns])
    const keysAndValues = [rowsOf('k_proj', K), ...(valuesFromKeys ? [] : [rowsOf('v_proj', K)])]
    if (!gatesInQueries) {
      const queries = rowsOf('q_proj', H)
      // The kernel adds a bias to all rows.
      const size = attentionGate === 'softplus-head' ? 1 : headSize
      const none = entriesOf(
        changed(queries, () => 0),
        0,
        H * size,
      )
      const gates = gate && attentionGate && (suffix === 'bias' ? none : rowsOf(gate, H, size))
      return [queries, ...keysAndValues, ...(gates ? [gates] : [])]
    }
    const half = (first: number) => regrouped(rowsOf('q_proj', 2 * H), 2 * headSize, [[first, headSize]])
    return [half(0), ...keysAndValues, half(headSize)]
  }
  return [
    matrix('qkv.weight', formats.attention, projections('weight', [d])),
    ...(attentionBias === 'none' ? [] : [vector('qkv.bias', projections('bias', []))]),
    matrix('output.weight', formats.attention, whole(key(`${output}.weight`), [d, H * headSize])),
    ...(attentionBias === 'all' ? [vector('output.bias', whole(key(`${output}.bias`), [d]))] : []),
  ]
}

/** Norms of queries and keys, over a whole row or over each head. */
export function queryKeyNorms(
  config: DecoderConfig,
  layer: number,
  span: 'row' | 'head',
  [query, key]: readonly [string, string] = ['q_norm', 'k_norm'],
): PlannedPiece[] {
  const { heads: H, keyValueHeads: K, headSize } = headsIn(config, layer)
  const norm = (name: string, heads: number) =>
    whole(`model.layers.${layer}.self_attn.${name}.weight`, [span === 'row' ? heads * headSize : headSize])
  return [vector('q_norm', norm(query, H)), vector('k_norm', norm(key, K))]
}

/** Matrices, or biases, of a gated layer. */
interface Gated {
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
 * The same of an expert, of a layer without experts, or of the shared expert, if there is one. The names of the tensors
 * gate [f, d], up [f, d] and down [d, f] begin with `key`, or with one of several.
 */
export function gatedTensors(
  { width: d, ffnHidden: expert, denseHidden: dense, sharedHidden: shared }: DecoderConfig,
  formats: PartFormats,
  of: 'expert' | 'dense' | 'shared',
  key: string | readonly string[],
  { gated = ['gate_proj', 'up_proj', 'down_proj'], expertGated = gated, denseBias }: LayerNames = {},
): PlannedPiece[] {
  const f = { expert, dense, shared }[of]
  if (f === 0) return []
  const [gate, up, down] = of === 'expert' ? expertGated : gated
  const tensor = (name: string, ...shape: number[]) => {
    const [first, other] = [key].flat().map((start) => whole(`${start}.${name}`, shape))
    return other ? either(first, other) : first
  }
  const weights = {
    gate: tensor(`${gate}.weight`, f, d),
    up: tensor(`${up}.weight`, f, d),
    down: tensor(`${down}.weight`, d, f),
  }
  const biases = { gate: tensor(`${gate}.bias`, f), up: tensor(`${up}.bias`, f), down: tensor(`${down}.bias`, d) }
  return gatedPieces(formats.mlp, weights, {
    prefix: of === 'expert' ? '' : `${of}.`,
    ...(of === 'dense' && denseBias && { biases }),
  })
}

/**
 * Pieces of a mixture's router in a layer: f32 in every packing, since it is small and a wrong expert costs more than a
 * bit. `selection` is the source of the bias that only chooses, an entry per expert.
 */
export function routerPieces(
  config: ModelConfig,
  layer: number,
  key: string,
  { mixture = config.mixtures[0], selection }: { mixture?: Mixture; selection?: Source } = {},
): PlannedPiece[] {
  const { kind } = mixture
  const rows = routerRows(mixture, layer)
  return [
    matrix(`${kind}.router.logits.weight`, 'f32', whole(`${key}.weight`, [rows, config.width])),
    ...(config.gateBias ? [vector(`${kind}.router.bias`, whole(`${key}.bias`, [rows]))] : []),
    ...(selection ? [vector(`${kind}.router.selection`, selection)] : []),
  ]
}
