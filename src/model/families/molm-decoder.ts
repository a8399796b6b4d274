import { oneOf } from '../../ground/json/forms.js'
import { isObject } from '../../ground/json/json.js'
import type { ConfigReader } from '../config/config-reader.js'
import type { Routing } from '../config/routing.js'
import type { Architecture } from './shared/architecture.js'
import {
  type DecoderConfig,
  decoderConfig,
  kindWindows,
  type LayerKind,
  layerKinds,
  PLAIN_DEFAULTS,
} from './shared/decoder-config.js'
import { DECODER, isUnusedOrDrafting } from './shared/decoder-family.js'
import { namedParts } from './shared/decoder-parts.js'
import { groupedExperts, groupsOf } from './shared/grouped-experts.js'
import { ropeConfig, ropeOfKinds } from './shared/rope-config.js'

/** Names of a layer's norms by their places. */
const NORMS = {
  before: { norms: ['input_layernorm', 'post_attention_layernorm'] },
  after: { norms: [], normsAfter: ['post_attention_layernorm', 'post_feedforward_layernorm'] },
  around: {
    norms: ['input_layernorm', 'pre_feedforward_layernorm'],
    normsAfter: ['post_attention_layernorm', 'post_feedforward_layernorm'],
  },
  parallel: { norms: ['input_layernorm'] },
} as const

/** The family of descriptions: each rule of a decoder is a key of config.json, and tensors have the usual names. */
export const molmDecoder: Architecture<DecoderConfig> = {
  ...DECODER,
  title: 'Decoder',
  modelTypes: ['molm_decoder'],
  className: 'MolmDecoder',

  defaults: {
    ...PLAIN_DEFAULTS,
    vocab_size: 32000,
    hidden_size: 2048,
    num_hidden_layers: 24,
    num_attention_heads: 16,
    intermediate_size: 8192,
    moe_intermediate_size: 1024,
    num_experts: 64,
    num_experts_per_tok: 8,
    num_shared_experts: 0,
    shared_expert_gate: false,
    first_k_dense_replace: 0,
    decoder_sparse_step: 1,
    norms: 'before',
    norm_kind: 'rms',
    rms_norm_eps: 1e-6,
    query_key_norm: 'none',
    attention_bias: false,
    attention_gate: 'none',
    full_attention_every: 0,
    positions: 'all',
    rope_theta: 10000,
    rope_pairs: 'halves',
    router_score: 'softmax',
    router_bias: false,
    n_group: 1,
    topk_group: 1,
    norm_topk_prob: false,
    norm_topk_add: 0,
    norm_topk_floor: 0,
    routed_scaling_factor: 1,
    embedding_multiplier: 1,
    residual_multiplier: 1,
    logit_scale: 1,
    max_position_embeddings: 4096,
  },

  parseConfig(keys) {
    const common = decoderConfig(keys, 'molm_decoder', ropesOf)
    const { layers } = common
    const step = keys.size('decoder_sparse_step')
    const dense = keys.has('mlp_only_layers') ? keys.layerNumbers('mlp_only_layers') : new Set<number>()
    const mixtures = groupedExperts(keys, layers, {
      ...{ experts: 'num_experts', shared: 'num_shared_experts' },
      routing: () => routingOf(keys),
      isSparse: (layer) => (layer + 1) % step === 0 && !dense.has(layer),
    })
    const sharedWidth = 'shared_expert_intermediate_size'
    const bias = keys.as('attention_bias', oneOf([true, false, 'qkv'] as const), 'true, false or "qkv"')
    const norm = keys.oneOf('norm_kind', ['rms', 'layer'])
    const norms = keys.oneOf('norms', ['before', 'after', 'around', 'parallel'])
    const queryKeyNorm = keys.oneOf('query_key_norm', ['none', 'head', 'row'])
    const attentionGate = keys.oneOf('attention_gate', ['none', 'sigmoid', 'softplus', 'softplus-head'])
    const isByWidth = keys.raw.embedding_multiplier === 'sqrt(hidden_size)'
    const factors = isByWidth ? keys.with({ embedding_multiplier: Math.sqrt(common.width) }) : keys
    return {
      ...common,
      ...mixtures,
      ...(keys.has(sharedWidth) && { sharedHidden: keys.size(sharedWidth, 0) }),
      ...(keys.flag('shared_expert_gate') && { sharedGate: true }),
      norms,
      norm,
      ...(queryKeyNorm !== 'none' && { queryKeyNorm }),
      attentionBias: bias === 'qkv' ? bias : bias ? 'all' : 'none',
      ...(attentionGate !== 'none' && { attentionGate }),
      ...(keys.has('clip_qkv') && { clip: keys.positive('clip_qkv') }),
      ...(keys.has('attention_multiplier') && { attentionScale: keys.positive('attention_multiplier') }),
      windows: kindWindows(keys, kindsOf(keys, layers)),
      embeddingScale: factors.positive('embedding_multiplier'),
      residualScale: keys.positive('residual_multiplier'),
      logitScale: keys.positive('logit_scale'),
      ...(keys.has('final_logit_softcapping') && { logitCap: keys.positive('final_logit_softcapping') }),
    }
  },

  ignores: isUnusedOrDrafting,

  parts: (config, formats) =>
    namedParts(config, formats, {
      ...NORMS[config.norms ?? 'before'],
      attention: { gate: 'gate_proj' },
      selection: 'gate.e_score_correction_bias',
      shared: 'shared_expert',
      sharedGate: 'shared_expert_gate',
    }),
}

function routingOf(keys: ConfigReader): Routing {
  const score = keys.oneOf('router_score', ['softmax', 'sigmoid'])
  const [add, floor] = ['norm_topk_add', 'norm_topk_floor'].map((key) => (keys.raw[key] === 0 ? 0 : keys.positive(key)))
  const factor = keys.positive('routed_scaling_factor')
  return {
    ...(score === 'sigmoid' && { score }),
    ...(keys.flag('router_bias') && { selectionBias: true }),
    ...groupsOf(keys, 'num_experts', score === 'sigmoid' ? 'two-largest' : 'largest'),
    ...(keys.flag('norm_topk_prob') && { normalise: { ...(add > 0 && { add }), ...(floor > 0 && { floor }) } }),
    ...(factor !== 1 && { factor }),
  }
}

/** With `sliding_window` and without `layer_types`, every n-th layer has no window. */
function kindsOf(keys: ConfigReader, layers: number): LayerKind[] {
  const period = keys.size('full_attention_every', 0)
  const has = keys.has('sliding_window')
  return layerKinds(keys, layers, (layer) => has && (period === 0 || (layer + 1) % period !== 0))
}

function ropesOf(keys: ConfigReader, { layers, headSize: partOf }: { layers: number; headSize: number }) {
  const pairs = keys.oneOf('rope_pairs', ['halves', 'neighbours'])
  const positions = keys.oneOf('positions', ['all', 'sliding', 'none'])
  const kinds = kindsOf(keys, layers)
  const given = keys.raw.rope_parameters
  // One object for all layers that turn alike.
  const used = [...new Set(kinds)]
  const areByKind = isObject(given) && used.some((kind) => isObject(given[kind]))
  const found = areByKind
    ? ropeOfKinds(keys, used, { partOf })
    : Object.fromEntries(used.map((kind) => [kind, ropeConfig(keys, { partOf })]))
  const ropes = Object.fromEntries(Object.entries(found).map(([kind, rope]) => [kind, { ...rope, pairs }]))
  const hasPositions = (kind: LayerKind) =>
    positions === 'all' || (positions === 'sliding' && kind !== 'full_attention')
  return kinds.map((kind) => (hasPositions(kind) ? ropes[kind] : undefined))
}
