import { HeadTransform } from '../../kernels/calls/head-transform.js'
import { Norm } from '../../kernels/calls/norm.js'
import { SoftmaxAttention } from '../../kernels/calls/softmax-attention.js'
import type { MixtureKind } from '../config/config.js'
import { AttentionMixture } from '../layers/attention-mixture.js'
import { GatedMixture } from '../layers/gated-mlp.js'
import { Rope } from '../layers/mixers/rope.js'
import { LinearLogits } from '../layers/router-logits.js'
import type { PartFormats } from '../packing/format/formats.js'
import { expertOf, matrix, type PlannedPiece, rowsOf, vector, whole } from '../packing/format/pieces.js'
import type { Architecture } from './shared/architecture.js'
import { ACTIVATIONS, type DecoderConfig, decoderConfig } from './shared/decoder-config.js'
import { DECODER } from './shared/decoder-family.js'
import { decoderParts, gatedPieces, normPieces, routerPieces } from './shared/decoder-parts.js'

/** Epsilon of the two norms of every layer, whatever config.json says: its rms_norm_eps is for the last norm alone. */
const BLOCK_EPSILON = 1e-6

/** JetMoE, derived from ModuleFormer: mixtures of attention and MLP experts, softmax attention, rotary positions. */
export const jetmoe: Architecture<DecoderConfig> = {
  ...DECODER,
  title: 'JetMoE',
  modelTypes: ['jetmoe'],
  className: 'JetMo',

  defaults: {
    vocab_size: 32000,
    hidden_size: 2048,
    num_hidden_layers: 12,
    num_key_value_heads: 16,
    kv_channels: 128,
    intermediate_size: 5632,
    max_position_embeddings: 4096,
    num_local_experts: 8,
    num_experts_per_tok: 2,
    activation_function: 'silu',
    rms_norm_eps: 1e-6,
    rope_theta: 10000,
    tie_word_embeddings: true,
    bos_token_id: 1,
    eos_token_id: 2,
  },
  aliases: {
    num_layers: 'num_hidden_layers',
    ffn_hidden_size: 'intermediate_size',
    moe_num_experts: 'num_local_experts',
    moe_top_k: 'num_experts_per_tok',
    n_positions: 'max_position_embeddings',
  },

  parseConfig(keys) {
    const [heads, headSize] = [keys.size('num_key_value_heads'), keys.size('kv_channels')]
    const activation = keys.oneOf('activation_function', ACTIVATIONS)
    const derived = { num_attention_heads: heads, head_dim: headSize, hidden_act: activation }
    const common = decoderConfig(keys.with(derived), 'jetmoe')
    const experts = keys.everywhere(common.layers, 'num_local_experts')
    return {
      ...common,
      ffnHidden: keys.size('intermediate_size'),
      mixtures: [
        keys.mixture('attention', experts, 'num_experts_per_tok', { normalise: {} }),
        keys.mixture('mlp', experts, 'num_experts_per_tok', { normalise: {} }),
      ],
    }
  },

  shapeKeys: () => ['num_hidden_layers', 'hidden_size', 'num_key_value_heads', 'kv_channels', 'intermediate_size'],

  parts: (config, formats) =>
    decoderParts(config, formats, (layer) => ({
      dense: densePieces(config, formats, layer),
      expert: (id, E, kind) => expertPieces(config, formats, layer, kind, id, E),
    })),

  build(config, workspace) {
    const { bank, threads, cacheFormat, x, a } = workspace
    const { heads, headSize, attentionScale: scale, width: d, epsilon, ffnHidden: hidden } = config
    const [positions] = config.ropes
    const rope = positions && new Rope(workspace, positions, headSize)
    const [attentionMixture, mlpMixture] = config.mixtures
    const y = workspace.rows(attentionMixture.topK, d) // [T, k, d]

    const logits = new LinearLogits(workspace, attentionMixture)
    const attention = new AttentionMixture(workspace, attentionMixture, logits, {
      channels: heads * headSize,
      output: y,
    })
    const { q, o, mostK, keys, values } = attention
    const turnQueries = new HeadTransform(bank, { rows: q, perToken: mostK, headSize, rope }, threads)
    const turnKeys = new HeadTransform(bank, { rows: keys, headSize, rope }, threads)
    const grouping = { heads, keyValueHeads: heads, headSize }
    const shape = { ...grouping, q, output: o, scale, format: cacheFormat }
    /** Attention with one query per token, with two, and so on. */
    const attends = Array.from({ length: mostK }, (_, i) => {
      return new SoftmaxAttention(bank, { ...shape, perToken: i + 1 }, threads)
    })
    const experts = new GatedMixture(workspace, mlpMixture, { ...config, hidden })

    const rms = { kind: 'rms', epsilon: BLOCK_EPSILON, x, output: a } as const
    const norm = new Norm(bank, rms, threads)
    const addAttention = new Norm(bank, { ...rms, add: { y, gates: attention.gates } }, threads)
    const addExperts = new Norm(bank, { ...rms, add: { y: experts.y, gates: experts.gates } }, threads)
    const last = new Norm(bank, { ...rms, epsilon }, threads)
    const lastWeights = workspace.store.address('final', 'norm.weight')
    const at = workspace.addresses({
      norm1: 'norm1.weight',
      norm2: 'norm2.weight',
      attentionBias: 'attention.bias',
      mlpBias: 'mlp.bias',
    })

    return {
      begin({ segments }) {
        rope?.begin(segments)
        // Leaves out the holes of other banks' layers.
        const used = workspace.perLayer((layer) => attention.k(layer)).filter((k) => k > 0)
        for (const k of new Set(used)) attends[k - 1].begin(segments)
      },
      block(l, T, cache) {
        const { norm1, norm2, attentionBias, mlpBias } = at[l]
        norm.run(T, norm1) //                                  a [T, d] = RMSNorm(x)
        attention.route(l, T) //                               ids, gates [T, k]
        attention.project(l, T) //                             q [T, k, A] = Wq[e] a;  K, V [T, A]
        turnQueries.run(T, 0, attention.k(l)) //               q = RoPE(q)
        turnKeys.run(T) //                                     K = RoPE(K)
        cache.append(l, keys, values) //                       cache += K, V
        attends[attention.k(l) - 1].run(cache.places) //       o [T, k, A] = softmax(scale . q K) V
        attention.projectOutput(l) //                          y [T, k, d] = Wo[e] o
        addAttention.perToken(attention.k(l))
        addAttention.run(T, norm2, 0, attentionBias) //        x += gates . y + bias;  a = RMSNorm(x)
        experts.run(l, T) //                                   y [T, k, d] = Wd[e] (silu(Wg[e] a) * (Wu[e] a))
        addExperts.perToken(experts.perToken(l))
        addExperts.run(T, 0, 0, mlpBias) //                    x += gates . y + bias
      },
      finalNorm: (T) => last.run(T, lastWeights),
      finalDivisor: (row) => last.divisorOf(row),
    }
  },
}

function densePieces(config: DecoderConfig, formats: PartFormats, layer: number): PlannedPiece[] {
  const { width: d, heads, headSize } = config
  const A = heads * headSize
  const [attention, mlp] = [`model.layers.${layer}.self_attention`, `model.layers.${layer}.mlp`]
  const keyValue = whole(`${attention}.kv_proj.weight`, [2 * A, d])
  return [
    ...normPieces(config, layer),
    ...routerPieces(config, layer, `${attention}.experts.router.layer`, { mixture: config.mixtures[0] }),
    matrix('key.weight', formats.attention, rowsOf(keyValue, 0, A)),
    matrix('value.weight', formats.attention, rowsOf(keyValue, A, 2 * A)),
    vector('attention.bias', whole(`${attention}.experts.bias`, [d])),
    ...routerPieces(config, layer, `${mlp}.router.layer`, { mixture: config.mixtures[1] }),
    vector('mlp.bias', whole(`${mlp}.bias`, [d])),
  ]
}

/** Pieces of an expert; one tensor holds all experts of a layer. Tensors of the MLP have gate rows first, then up. */
function expertPieces(
  { width: d, heads, headSize, ffnHidden }: DecoderConfig,
  formats: PartFormats,
  layer: number,
  kind: MixtureKind,
  id: number,
  E: number,
): PlannedPiece[] {
  const inner = kind === 'attention' ? heads * headSize : ffnHidden
  const key = `model.layers.${layer}.${kind === 'attention' ? 'self_attention.experts' : 'mlp'}`
  const output = expertOf(`${key}.output_linear.weight`, [E, d, inner], id)
  const input = expertOf(`${key}.input_linear.weight`, [E, kind === 'attention' ? inner : 2 * inner, d], id)
  return kind === 'attention'
    ? [matrix('query', formats.attention, input), matrix('output', formats.attention, output)]
    : gatedPieces(formats.mlp, { gate: rowsOf(input, 0, inner), up: rowsOf(input, inner, 2 * inner), down: output })
}
