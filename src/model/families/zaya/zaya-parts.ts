import { routerRows } from '../../config/config.js'
import type { PartFormats } from '../../packing/format/formats.js'
import type { Part, Source } from '../../packing/format/layout.js'
import {
  entriesOf,
  expertOf,
  matrix,
  type PlannedPiece,
  rowsOf,
  tapMatrix,
  tapOf,
  vector,
  whole,
} from '../../packing/format/pieces.js'
import type { DecoderConfig } from '../shared/decoder-config.js'
import { decoderParts, gatedPieces } from '../shared/decoder-parts.js'

export interface ZayaConfig extends DecoderConfig {
  /** Tokens that the convolution by channels sees, and the one by heads. */
  taps: [channels: number, heads: number]
  /** r, channels of the routers' state. */
  routerWidth: number
  /** Whether the tensors have the names of the first publication, whose layers have attention or experts. */
  isAlternating: boolean
}

/**
 * Names of a layer's tensors in the first publication. Its layers 2 l and 2 l + 1 have attention and experts, and each
 * scales what the one before it adds.
 */
const ALTERNATING: Record<string, readonly [after: number, name: string]> = {
  input_layernorm: [0, 'input_norm'],
  'self_attn.qkv_proj.q_proj': [0, 'self_attn.qkv.linear_q'],
  'self_attn.qkv_proj.k_proj': [0, 'self_attn.qkv.linear_k'],
  'self_attn.qkv_proj.v_proj_current': [0, 'self_attn.qkv.val_proj1'],
  'self_attn.qkv_proj.v_proj_delayed': [0, 'self_attn.qkv.val_proj2'],
  'self_attn.qkv_proj.conv_qk_depthwise': [0, 'self_attn.qkv.conv_qk.0'],
  'self_attn.qkv_proj.conv_qk_grouped': [0, 'self_attn.qkv.conv_qk.1'],
  'self_attn.qk_norm': [0, 'self_attn.qkv'],
  'self_attn.o_proj': [0, 'self_attn.o_proj'],
  post_attention_residual_scale: [1, 'res_scale'],
  post_attention_layernorm: [1, 'input_norm'],
  'mlp.gate': [1, 'zaya_block.router'],
  'mlp.gate.down_proj': [1, 'zaya_block.router.down_proj'],
  'mlp.gate.router_mlp.norm': [1, 'zaya_block.router.rmsnorm_eda'],
  'mlp.gate.router_mlp.fc1': [1, 'zaya_block.router.router_mlp.0'],
  'mlp.gate.router_mlp.fc2': [1, 'zaya_block.router.router_mlp.2'],
  'mlp.gate.router_mlp.out_proj': [1, 'zaya_block.router.router_mlp.4'],
  'mlp.experts': [1, 'zaya_block.experts.local_experts'],
  post_mlp_residual_scale: [2, 'res_scale'],
}

/** Name of a layer's tensor by the last word of it: `weight`, `bias` or another. */
type NameOf = (module: string, last: string) => string

function namesOf({ isAlternating, layers }: ZayaConfig, layer: number): NameOf {
  if (!isAlternating) return (module, last) => `model.layers.${layer}.${module}.${last}`
  return (module, last) => {
    const [after, name] = ALTERNATING[module]
    const number = 2 * layer + after
    return `model.${number === 2 * layers ? '' : `layers.${number}.`}${name}.${last}`
  }
}

export function zayaParts(config: ZayaConfig, formats: PartFormats): Generator<Part> {
  const { width: d, isAlternating } = config
  const layerPieces = (layer: number) => {
    const nameOf = namesOf(config, layer)
    const norm = (name: string, module: string) => vector(name, whole(nameOf(module, 'weight'), [d]))
    return {
      dense: [
        ...(layer === 0 ? inputPieces(config) : []),
        norm('norm1.weight', 'input_layernorm'),
        norm('norm2.weight', 'post_attention_layernorm'),
        ...attentionPieces(config, formats, nameOf),
        ...residualPieces(config, 'attention', 'post_attention_residual_scale', nameOf),
        ...routerPieces(config, formats, layer, nameOf),
        ...residualPieces(config, 'mlp', 'post_mlp_residual_scale', nameOf),
      ],
      expert: (id: number, count: number) => expertPieces(config, formats, id, count, nameOf),
    }
  }
  return decoderParts(config, formats, layerPieces, { lastNorm: isAlternating ? 'model.final_norm' : 'model.norm' })
}

/** Bias and factor of the embedding's rows. */
function inputPieces({ width: d, isAlternating }: ZayaConfig): PlannedPiece[] {
  const key = isAlternating ? 'model.layers.0.res_scale.' : 'model.input_'
  return ['scale', 'bias'].map((what) => vector(`input.${what}`, whole(`${key}hidden_states_${what}`, [d])))
}

/** Factors and biases of the stream, and then of what is added to it. */
function residualPieces({ width: d }: ZayaConfig, of: string, module: string, nameOf: NameOf): PlannedPiece[] {
  return ['scale', 'bias'].map((what) => {
    const sources = ['residual', 'hidden_states'].map((rows) => whole(nameOf(module, `${rows}_${what}`), [d]))
    return vector(`${of}.residual.${what}`, sources)
  })
}

/** Pieces of compressed attention; each head is a source by itself, so that it begins at a block of the kernels. */
function attentionPieces(config: ZayaConfig, { attention: format }: PartFormats, nameOf: NameOf): PlannedPiece[] {
  const { width: d, heads: H, keyValueHeads: K, headSize: n, taps, attentionBias } = config
  const [all, half, hasBias] = [(H + K) * n, (K * n) / 2, attentionBias !== 'none']
  const names = ['q_proj', 'k_proj', 'v_proj_current', 'v_proj_delayed']
  const sizes = [H * n, K * n, half, half]
  const projection = (i: number, last: string) => nameOf(`self_attn.qkv_proj.${names[i]}`, last)
  const weights = sizes.map((size, i) => whole(projection(i, 'weight'), [size, d]))
  const biases = sizes.map((size, i) => whole(projection(i, 'bias'), [size]))
  const [channels, heads] = ['self_attn.qkv_proj.conv_qk_depthwise', 'self_attn.qkv_proj.conv_qk_grouped']
  const filter = times(taps[0], (tap) => tapOf(nameOf(channels, 'weight'), [all, 1, taps[0]], tap))
  const matrices = times(taps[1], (tap) => tapMatrix(nameOf(heads, 'weight'), [all, n, taps[1]], tap))
  const entries = (source: Source) => times(source.cols / n, (head) => entriesOf(source, head * n, (head + 1) * n))
  const rows = (source: Source) => times(source.rows / n, (head) => rowsOf(source, head * n, (head + 1) * n))
  return [
    matrix('qkv.weight', format, [...weights.slice(0, 2).flatMap(rows), ...weights.slice(2)]),
    ...(hasBias ? [vector('qkv.bias', [...biases.slice(0, 2).flatMap(entries), ...biases.slice(2)])] : []),
    vector('conv.taps', filter.flatMap(entries)),
    vector('conv.bias', entries(whole(nameOf(channels, 'bias'), [all]))),
    ...times(H + K, (head) => {
      const own = matrices.map((source) => rowsOf(source, head * n, (head + 1) * n))
      return matrix(`conv.head.${head}`, format, own)
    }),
    vector('conv.heads.bias', entries(whole(nameOf(heads, 'bias'), [all]))),
    vector('key_scale', whole(nameOf('self_attn.qk_norm', 'temp'), [K])),
    matrix('output.weight', format, whole(nameOf('self_attn.o_proj', 'weight'), [d, H * n])),
    ...(hasBias ? [vector('output.bias', whole(nameOf('self_attn.o_proj', 'bias'), [d]))] : []),
  ]
}

function routerPieces(config: ZayaConfig, formats: PartFormats, layer: number, nameOf: NameOf): PlannedPiece[] {
  const { width: d, routerWidth: r, mixtures, gateBias } = config
  const rows = routerRows(mixtures[0], layer)
  const gate = 'mlp.gate'
  const last = nameOf(`${gate}.router_mlp.out_proj`, 'weight')
  const linear = (name: string, module: string, cols: number) => [
    matrix(`mlp.router.${name}.weight`, formats.router, whole(nameOf(module, 'weight'), [r, cols])),
    vector(`mlp.router.${name}.bias`, whole(nameOf(module, 'bias'), [r])),
  ]
  return [
    ...linear('projection', `${gate}.down_proj`, d),
    ...(layer > 0 ? [vector('mlp.router.state_scale', whole(nameOf(gate, 'router_states_scale'), [r]))] : []),
    vector('mlp.router.norm.weight', whole(nameOf(`${gate}.router_mlp.norm`, 'weight'), [r])),
    ...linear('hidden', `${gate}.router_mlp.fc1`, r),
    ...linear('hidden2', `${gate}.router_mlp.fc2`, r),
    matrix('mlp.router.logits.weight', 'f32', whole(last, [rows, r])),
    ...(gateBias ? [vector('mlp.router.bias', whole(last.replace(/weight$/, 'bias'), [rows]))] : []),
    vector('mlp.router.selection', whole(nameOf(gate, 'balancing_biases'), [rows])),
  ]
}

function expertPieces(config: ZayaConfig, formats: PartFormats, id: number, E: number, nameOf: NameOf): PlannedPiece[] {
  const { width: d, ffnHidden: f, isAlternating } = config
  const own = (module: string, last: string, rows: number, cols: number) =>
    isAlternating
      ? whole(nameOf('mlp.experts', `${id}.${module}.weight`), [rows, cols])
      : expertOf(nameOf('mlp.experts', last), [E, rows, cols], id)
  const both = own('linear_fc1', 'gate_up_proj', 2 * f, d)
  const down = own('linear_fc2', 'down_proj', d, f)
  return gatedPieces(formats.mlp, { gate: rowsOf(both, 0, f), up: rowsOf(both, f, 2 * f), down })
}

function times<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index))
}
