import { isCount, listOf } from '../../../ground/json/forms.js'
import { MOST_TAPS } from '../../../kernels/abi/states.js'
import { Norm } from '../../../kernels/calls/norm.js'
import type { ConfigReader } from '../../config/config-reader.js'
import { byLayer } from '../../layers/by-layer.js'
import { DepthAveragedLogits } from '../../layers/depth-averaged-logits.js'
import { GatedMixture } from '../../layers/gated-mlp.js'
import { CompressedAttention, compressedStateFloats } from '../../layers/mixers/compressed-attention.js'
import { Rope } from '../../layers/mixers/rope.js'
import type { Architecture } from '../shared/architecture.js'
import { decoderConfig, slidingWindows } from '../shared/decoder-config.js'
import { DECODER, describeDecoder, groupedCache } from '../shared/decoder-family.js'
import { ropeOfKinds } from '../shared/rope-config.js'
import { type ZayaConfig, zayaParts } from './zaya-parts.js'

const KINDS = ['hybrid', 'hybrid_sliding'] as const

/** Each head's convolution is a separate piece, so a config could ask for any number of pieces. */
const MOST_HEADS = 1024

/** Zyphra's ZAYA1: attention on compressed, convolved heads, and one expert, chosen by networks that share a state. */
export const zaya: Architecture<ZayaConfig> = {
  ...DECODER,
  title: 'ZAYA',
  modelTypes: ['zaya'],
  className: 'Zaya',

  defaults: {
    vocab_size: 262272,
    hidden_size: 2048,
    num_hidden_layers: 40,
    num_attention_heads: 8,
    num_key_value_heads: 2,
    head_dim: 128,
    cca_time0: 2,
    cca_time1: 2,
    moe_intermediate_size: 2048,
    num_experts: 16,
    num_experts_per_tok: 1,
    router_hidden_size: 256,
    rms_norm_eps: 1e-5,
    hidden_act: 'silu',
    attention_bias: false,
    lm_head_bias: false,
    max_position_embeddings: 131072,
    tie_word_embeddings: true,
    bos_token_id: 2,
    eos_token_id: 106,
  },
  aliases: {
    moe_router_topk: 'num_experts_per_tok',
    zaya_mlp_expansion: 'router_hidden_size',
    norm_epsilon: 'rms_norm_eps',
    num_query_groups: 'num_key_value_heads',
    kv_channels: 'head_dim',
  },

  parseConfig(file) {
    const isAlternating = file.has('ffn_hidden_size')
    const keys = isAlternating ? fromAlternating(file) : withRope(file)
    if (keys.size('num_experts_per_tok') !== 1) throw keys.refuse('num_experts_per_tok', '1')
    keys.size('num_attention_heads', 1, MOST_HEADS)
    const layers = keys.layers('num_hidden_layers')
    const kinds = keys.has('layer_types') ? keys.oneOfEach('layer_types', layers, KINDS) : allOf(layers, KINDS[0])
    const common = decoderConfig(keys, 'zaya', (_, { headSize: partOf }) => {
      const ropes = ropeOfKinds(keys, [...new Set(kinds)], { partOf })
      return kinds.map((kind) => ropes[kind])
    })
    const experts = keys.everywhere(layers, 'num_experts')
    const mixture = keys.mixture('mlp', experts, 'num_experts_per_tok', { selectionBias: true, skips: true })
    return {
      ...common,
      ...(keys.flag('lm_head_bias') && { headBias: true as const }),
      // The routers have one class more than experts.
      mixtures: [{ silentRows: allOf(layers, 1), ...mixture }],
      ffnHidden: keys.size('moe_intermediate_size'),
      windows: slidingWindows(
        keys,
        'sliding_window',
        kinds.map((kind) => kind === 'hybrid_sliding'),
      ),
      attentionBias: keys.flag('attention_bias') ? 'all' : 'none',
      taps: [keys.size('cca_time0', 1, MOST_TAPS), keys.size('cca_time1', 1, MOST_TAPS)],
      routerWidth: keys.size('router_hidden_size'),
      isAlternating,
    }
  },

  describe(config) {
    const words = describeDecoder(config)
    const [channels, heads] = config.taps
    return {
      ...words,
      attention: [...words.attention, `heads convolved over ${channels} and ${heads} tokens`],
      router: [
        `a network of ${config.routerWidth} channels with a state from layer to layer`,
        ...words.router.slice(1),
      ],
    }
  },

  shapeKeys: () => ['num_hidden_layers', 'hidden_size', 'hidden_act', 'moe_intermediate_size', 'router_hidden_size'],

  parts: zayaParts,

  cache: (config, layer) => ({ ...groupedCache(config, layer), state: compressedStateFloats(config) }),

  build(config, workspace) {
    const { x, a, bank, threads, store } = workspace
    const { ropes, windows, attentionScale: scale, epsilon, attentionBias, mixtures, ffnHidden: hidden } = config
    const isAlike = (one: number, other: number) => ropes[one] === ropes[other] && windows[one] === windows[other]
    const attentionOf = byLayer(isAlike, (layer) => {
      const positions = ropes[layer]
      const rope = positions && new Rope(workspace, positions, config.headSize)
      const own = { window: windows[layer], rope, isIn: (other: number) => isAlike(layer, other) }
      return new CompressedAttention(workspace, { ...config, ...own, scale, bias: attentionBias === 'all' })
    })
    const logits = new DepthAveragedLogits(workspace, mixtures[0], { width: config.routerWidth, epsilon })
    const experts = new GatedMixture(workspace, mixtures[0], { ...config, hidden, logits })

    const rms = { kind: 'rms', epsilon, x, output: a } as const
    const norm = new Norm(bank, rms, threads)
    const last = new Norm(bank, rms, threads)
    const addExperts = new Norm(bank, { ...rms, add: { y: experts.y, gates: experts.gates } }, threads)
    const attentions = workspace.perLayer((layer) => {
      const attention = attentionOf(layer)
      return { attention, add: new Norm(bank, { ...rms, add: { y: attention.y } }, threads) }
    })
    const lastWeights = store.address('final', 'norm.weight')
    const input = workspace.addresses({ scale: 'input.scale', bias: 'input.bias' }, (layer) => layer === 0)
    const at = workspace.addresses({
      norm1: 'norm1.weight',
      scale1: 'attention.residual.scale',
      bias1: 'attention.residual.bias',
      norm2: 'norm2.weight',
      scale2: 'mlp.residual.scale',
      bias2: 'mlp.residual.bias',
    })

    const factorsAt = (place: number) => bank.f32.slice(place, place + x.columns)
    return {
      begin(cache) {
        for (const attention of new Set(Object.values(attentions).map(({ attention }) => attention)))
          attention.begin(cache)
      },
      block(l, T, cache) {
        const { norm1, scale1, bias1, norm2, scale2, bias2 } = at[l]
        const { attention, add } = attentions[l]
        norm.scaledBy(input[l].scale, input[l].bias)
        norm.run(T, norm1) //                         x = (x + b) s in the first layer;  a [T, d] = RMSNorm(x)
        attention.run(l, T, cache) //                 y [T, d] = Attention(a)
        add.scaledBy(scale1, bias1)
        add.run(T, norm2) //                          x = (x + b0) s0 + (y + b1) s1;  a = RMSNorm(x)
        experts.run(l, T) //                          y [T, d], gate [T] = the expert of a
        addExperts.scaledBy(scale2, bias2)
        addExperts.run(T) //                          x = (x + b0) s0 + (gate . y + b1) s1
      },
      finalNorm: (T) => last.run(T, lastWeights),
      finalDivisor: (row) => last.divisorOf(row),
      outputFactors: (l) => factorsAt(at[l].scale2 / 4 + x.stride),
      streamFactors(l) {
        const attention = factorsAt(at[l].scale1 / 4)
        return factorsAt(at[l].scale2 / 4).map((factor, i) => factor * attention[i])
      },
    }
  },
}

function allOf<T>(layers: number, value: T): T[] {
  return new Array<T>(layers).fill(value)
}

/** Rotations of the two kinds of layers. */
function rotations(theta: unknown, slidingTheta: unknown, share: unknown) {
  return {
    hybrid: { rope_theta: theta, partial_rotary_factor: share },
    hybrid_sliding: { rope_theta: slidingTheta, partial_rotary_factor: share },
  }
}

const [THETA, SLIDING_THETA, SHARE] = [5e6, 1e4, 0.5]

function withRope(keys: ConfigReader): ConfigReader {
  return keys.has('rope_parameters') ? keys : keys.with({ rope_parameters: rotations(THETA, SLIDING_THETA, SHARE) })
}

/** Keys that have one value in the first publication. */
const FIXED: Record<string, unknown> = {
  activation_func: 'swiglu',
  add_bias_linear: false,
  cca: true,
  gated_linear_unit: true,
  normalization: 'RMSNorm',
  rope_scaling: false,
  scale_residual_merge: true,
  zaya_use_eda: true,
  zaya_use_mod: true,
}

/** The keys of a checkpoint of the first publication, in today's names. */
function fromAlternating(keys: ConfigReader): ConfigReader {
  for (const [key, value] of Object.entries(FIXED)) {
    if (keys.has(key) && keys.raw[key] !== value) throw keys.refuse(key, String(value))
  }
  const layers = keys.layers('num_hidden_layers')
  if (layers % 2 !== 0) throw keys.refuse('num_hidden_layers', 'even: attention and experts are layers of their own')
  const f2 = keys.size('ffn_hidden_size')
  if (f2 % 2 !== 0) throw keys.refuse('ffn_hidden_size', 'even: gate and up together')
  const lists = listOf(isCount, { least: layers, most: layers })
  const all = keys.has('swa_layers') ? keys.as('swa_layers', lists, `a list of ${layers} numbers of tokens`) : []
  // Tokens before the present one, in the layers with attention.
  const before = Array.from({ length: layers / 2 }, (_, layer) => all[2 * layer] ?? 0)
  const sizes = new Set(before.filter((tokens) => tokens > 0))
  if (sizes.size > 1) throw keys.refuse('swa_layers', 'the same number of tokens in all layers with a window')
  const [window] = sizes
  const { rope_theta = THETA, swa_rotary_base = SLIDING_THETA, partial_rotary_factor = SHARE } = keys.raw
  return keys.with({
    num_hidden_layers: layers / 2,
    moe_intermediate_size: f2 / 2,
    layer_types: before.map((tokens) => KINDS[tokens > 0 ? 1 : 0]),
    sliding_window: keys.raw.sliding_window ?? (window === undefined ? null : window + 1),
    rope_parameters: rotations(rope_theta, swa_rotary_base, partial_rotary_factor),
    rope_scaling: null,
  })
}
