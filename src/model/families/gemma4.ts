import { isObject } from '../../ground/json/json.js'
import { Norm } from '../../kernels/calls/norm.js'
import type { ConfigReader } from '../config/config-reader.js'
import { GatedMixture, GatedMlp, reportShared } from '../layers/gated-mlp.js'
import type { PartFormats } from '../packing/format/formats.js'
import { changed, expertOf, type PlannedPiece, rowsOf, vector, whole } from '../packing/format/pieces.js'
import type { Architecture } from './shared/architecture.js'
import { type DecoderConfig, decoderConfig, kindWindows, type LayerKind, layerKinds } from './shared/decoder-config.js'
import { DECODER, describeDecoder } from './shared/decoder-family.js'
import { attentionLayers } from './shared/decoder-layers.js'
import {
  attentionPieces,
  decoderParts,
  gatedPieces,
  gatedTensors,
  normPieces,
  queryKeyNorms,
  routerPieces,
} from './shared/decoder-parts.js'
import { ropeOfKinds } from './shared/rope-config.js'

const DEFAULT_ROPE = {
  sliding_attention: { rope_type: 'default', rope_theta: 10000 },
  full_attention: { rope_type: 'proportional', partial_rotary_factor: 0.25, rope_theta: 1e6 },
}

/** Keys whose other values are for models that molm does not run, such as the small ones for telephones. */
const FIXED: Record<string, unknown> = {
  enable_moe_block: true,
  hidden_size_per_layer_input: 0,
  num_kv_shared_layers: 0,
  use_double_wide_mlp: false,
}

/** Google's Gemma 4: a dense layer beside the experts, seven norms in a layer, other heads in layers without a window. */
export const gemma4: Architecture<DecoderConfig> = {
  ...DECODER,
  title: 'Gemma 4',
  modelTypes: ['gemma4_text', 'gemma4'],
  className: 'Gemma4',
  aliases: { hidden_activation: 'hidden_act' },

  defaults: {
    vocab_size: 262144,
    hidden_size: 2304,
    intermediate_size: 9216,
    num_hidden_layers: 30,
    num_attention_heads: 8,
    num_key_value_heads: 4,
    head_dim: 256,
    global_head_dim: 512,
    attention_k_eq_v: false,
    sliding_window: 512,
    rope_parameters: DEFAULT_ROPE,
    enable_moe_block: false,
    hidden_size_per_layer_input: 256,
    num_kv_shared_layers: 0,
    use_double_wide_mlp: false,
    attention_bias: false,
    rms_norm_eps: 1e-6,
    hidden_act: 'gelu_pytorch_tanh',
    max_position_embeddings: 131072,
    tie_word_embeddings: true,
    bos_token_id: 2,
    eos_token_id: 1,
  },

  parseConfig(keys) {
    const common = decoderConfig(keys, 'gemma4_text', ropesOf)
    for (const [key, value] of Object.entries(FIXED)) if (keys.raw[key] !== value) throw keys.refuse(key, `${value}`)
    if (keys.raw.use_bidirectional_attention === 'all') throw keys.refuse('use_bidirectional_attention', 'null')
    const experts = keys.everywhere(common.layers, 'num_experts')
    return {
      ...common,
      layerHeads: headsOf(keys, common),
      mixtures: [keys.mixture('mlp', experts, 'top_k_experts', { normalise: {}, expertScales: true })],
      embeddingScale: Math.fround(Math.sqrt(common.width)),
      ...(keys.has('final_logit_softcapping') && { logitCap: keys.positive('final_logit_softcapping') }),
      attentionScale: 1,
      attentionBias: keys.flag('attention_bias') ? 'all' : 'none',
      ffnHidden: keys.size('moe_intermediate_size'),
      denseHidden: keys.size('intermediate_size'),
      windows: kindWindows(keys, kindsOf(keys, common.layers)),
    }
  },

  describe(config) {
    const { attention, mlp, router } = describeDecoder(config)
    const { layers, windows, layerHeads = [], denseHidden } = config
    const full = windows.filter((window) => window === 0).length
    const { keyValueHeads, headSize } = layerHeads[layers - 1]
    const others = `in ${full} of ${layers} layers ${keyValueHeads} of keys and values, ${headSize} channels each`
    return {
      attention: [...attention, others],
      mlp: [...mlp, `a dense layer of ${denseHidden} beside`],
      router: [...router, 'of the stream before the last norm'],
    }
  },

  parts: (config, formats) =>
    decoderParts(config, formats, (layer) => ({
      dense: densePieces(config, formats, layer),
      expert(id, E) {
        const { width: d, ffnHidden: f } = config
        const key = `model.layers.${layer}.experts`
        const both = expertOf(`${key}.gate_up_proj`, [E, 2 * f, d], id)
        const down = expertOf(`${key}.down_proj`, [E, d, f], id)
        return gatedPieces(formats.mlp, { gate: rowsOf(both, 0, f), up: rowsOf(both, f, 2 * f), down })
      },
    })),

  build(config, workspace) {
    const { x, a, bank, threads, store } = workspace
    const { epsilon, activation, ffnHidden, denseHidden, mixtures, width } = config
    const attentionOf = attentionLayers(workspace, config, { norm: 'head', normsValues: true })
    const dense = new GatedMlp(workspace, 'dense.', () => true, { activation, hidden: denseHidden })
    const r = workspace.rows(1, width) // what routers read [T, d]
    const s = workspace.rows(1, width) // sum of the dense layer and the experts [T, d]
    const experts = new GatedMixture(workspace, mixtures[0], { activation, hidden: ffnHidden, routerInput: r })

    const rms = { kind: 'rms', epsilon } as const
    const norm = new Norm(bank, { ...rms, x, output: a }, threads)
    const normRouter = new Norm(bank, { ...rms, x, output: r }, threads)
    const normDense = new Norm(bank, { ...rms, x: dense.y, output: s }, threads)
    const routed = { y: experts.y, gates: experts.gates }
    const addExperts = new Norm(bank, { ...rms, x: s, add: routed, output: a }, threads)
    const addBoth = new Norm(bank, { ...rms, x, add: { y: s }, output: a }, threads)
    const attentions = workspace.perLayer((layer) => {
      const attention = attentionOf(layer)
      return { attention, add: new Norm(bank, { ...rms, x, add: { y: attention.y }, output: a }, threads) }
    })
    const last = store.address('final', 'norm.weight')
    const at = workspace.addresses({
      norm1: 'norm1.weight',
      after1: 'norm1.after',
      norm2: 'norm2.weight',
      after2: 'norm2.after',
      router: 'mlp.router.norm.weight',
      norm3: 'norm3.weight',
      afterDense: 'dense.norm',
      afterExperts: 'mlp.norm',
    })
    const factors = workspace.perLayer((layer) => bank.f32[workspace.at(layer, 'layer.scale') / 4])

    return {
      begin(cache) {
        for (const attention of new Set(Object.values(attentions).map(({ attention }) => attention)))
          attention.begin(cache)
      },
      block(l, T, cache) {
        const { norm1, after1, norm2, after2, router, norm3, afterDense, afterExperts } = at[l]
        const { attention, add } = attentions[l]
        norm.run(T, norm1) //                             a [T, d] = RMSNorm(x)
        attention.run(l, T, cache) //                     y [T, d] = Attention(a)
        add.sumWeight(after1).run(T, norm2) //            x += RMSNorm(y);  a = RMSNorm(x)
        dense.run(l, T) //                                y [T, d] = Wd (gelu(Wg a) * (Wu a))
        reportShared(workspace, l, (t) => dense.y.row(t))
        normRouter.run(T, router) //                      r [T, d] = RMSNorm(x)
        experts.route(l, T) //                            ids, gates [T, k] from Wr r
        norm.run(T, norm3) //                             a = RMSNorm(x)
        experts.run(l, T) //                              y [T, k, d] = experts of a
        normDense.run(T, afterDense) //                   s [T, d] = RMSNorm(y of the dense layer)
        addExperts.perToken(experts.perToken(l))
        addExperts.sumWeight(afterExperts).run(T) //      s += RMSNorm(gates . y)
        addBoth.sumWeight(after2).times(factors[l])
        addBoth.run(T) //                                 x = (x + RMSNorm(s)) factor
      },
      finalNorm: (T) => norm.run(T, last), //             a [T, d] = RMSNorm(x)
      finalDivisor: (row) => norm.divisorOf(row),
      outputFactors(l, routed, shared = new Float32Array(routed.length)) {
        const { afterDense, afterExperts, after2 } = at[l]
        const [ofDense, own] = [normDense.factorsOf(shared, afterDense), addExperts.factorsOf(routed, afterExperts)]
        const both = addBoth.factorsOf(
          routed.map((value, i) => value * own[i] + shared[i] * ofDense[i]),
          after2,
        )
        return own.map((factor, i) => factor * both[i] * factors[l])
      },
      streamFactors: (l) => new Float32Array(width).fill(factors[l]),
    }
  },
}

/** Kinds of the layers. The last one has no window, whatever `layer_types` says. */
function kindsOf(keys: ConfigReader, layers: number): LayerKind[] {
  const kinds = layerKinds(keys, layers, (layer) => (layer + 1) % 6 !== 0)
  return [...kinds.slice(0, -1), 'full_attention']
}

function ropesOf(keys: ConfigReader, { layers }: { layers: number }): DecoderConfig['ropes'] {
  const kinds = kindsOf(keys, layers)
  const ropes = ropeOfKinds(keys, [...new Set(kinds)])
  return kinds.map((kind) => ropes[kind])
}

/** Heads of the layers: by their kinds, or by `per_layer_config`, which newer files have instead. */
function headsOf(
  keys: ConfigReader,
  { layers, heads, keyValueHeads, headSize }: Omit<DecoderConfig, 'mixtures' | 'ffnHidden'>,
) {
  const sharesKeys = keys.flag('attention_k_eq_v')
  const full = {
    headSize: keys.size('global_head_dim'),
    keyValueHeads:
      sharesKeys && keys.has('num_global_key_value_heads') ? keys.size('num_global_key_value_heads') : keyValueHeads,
    ...(sharesKeys && { valuesFromKeys: true as const }),
  }
  const found = new Map<string, typeof full>()
  const own = keys.has('per_layer_config') ? keys.raw.per_layer_config : {}
  if (!isObject(own)) throw keys.refuse('per_layer_config', 'an object')
  return kindsOf(keys, layers).map((kind, layer) => {
    const byKind = kind === 'full_attention' ? full : { headSize, keyValueHeads }
    const given = own[layer]
    const { head_dim = byKind.headSize, num_key_value_heads = byKind.keyValueHeads } = isObject(given) ? given : {}
    const inner = keys.with({ head_dim, num_key_value_heads })
    const wanted = { ...byKind, headSize: inner.size('head_dim'), keyValueHeads: inner.size('num_key_value_heads') }
    if (wanted.headSize % 2 !== 0) throw inner.refuse('head_dim', `even in layer ${layer}`)
    if (heads % wanted.keyValueHeads !== 0) {
      throw inner.refuse('num_key_value_heads', `a divisor of num_attention_heads (${heads}) in layer ${layer}`)
    }
    const name = JSON.stringify(wanted)
    return found.get(name) ?? found.set(name, wanted).get(name) ?? wanted
  })
}

function densePieces(config: DecoderConfig, formats: PartFormats, layer: number): PlannedPiece[] {
  const { width: d, mixtures } = config
  const key = `model.layers.${layer}`
  const norm = (piece: string, name: string) => vector(piece, whole(`${key}.${name}.weight`, [d]))
  return [
    ...normPieces(config, layer, ['input_layernorm', 'pre_feedforward_layernorm']),
    norm('norm1.after', 'post_attention_layernorm'),
    norm('norm2.after', 'post_feedforward_layernorm'),
    ...attentionPieces(config, formats, layer),
    ...queryKeyNorms(config, layer, 'head'),
    ...gatedTensors(config, formats, 'dense', `${key}.mlp`),
    norm('dense.norm', 'post_feedforward_layernorm_1'),
    // The root of d belongs to the routers' logits, which are linear in this norm's weight.
    vector(
      'mlp.router.norm.weight',
      changed(whole(`${key}.router.scale`, [d]), (scale) => scale / Math.sqrt(d)),
    ),
    ...routerPieces(config, layer, `${key}.router.proj`),
    vector('mlp.router.scales', whole(`${key}.router.per_expert_scale`, [mixtures[0].experts[layer]])),
    norm('norm3.weight', 'pre_feedforward_layernorm_2'),
    norm('mlp.norm', 'post_feedforward_layernorm_2'),
    vector('layer.scale', whole(`${key}.layer_scalar`, [1])),
  ]
}
