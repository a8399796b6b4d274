import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { FAMILY_CASES, type FamilyCase } from '../support/family-cases.js'
import { randomWeights } from '../support/family-checkpoint.js'
import { withLoaded } from '../support/loaded-model.js'
import { rejectsWithUserError } from '../support/rejects.js'
import { type WrittenTensor, writeTensors } from '../support/synthetic-checkpoint.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'

type Tensors = Map<string, WrittenTensor>

interface Wrong {
  of: string
  keys?: Record<string, unknown>
  change?: (tensors: Tensors) => void
  says: RegExp
}

const LFM2 = 'lfm2_moe: defaults'
const GPT_OSS = 'gpt_oss: defaults, products beyond the limit'
const MXFP4 = 'gpt_oss: MXFP4'
const SMALL_THINKER = 'smallthinker: windows and positions in other layers, sigmoids'
const ERNIE = 'ernie4_5_moe: two shared experts, a dense first layer'

const without = (key: string) => (tensors: Tensors) => {
  if (!tensors.delete(key)) throw new Error(`no tensor ${key}`)
}

const withZeros =
  (key: string, ...shape: number[]) =>
  (tensors: Tensors) => {
    const count = shape.reduce((a, b) => a * b, 1)
    const isBytes = tensors.get(key)?.values instanceof Uint8Array
    tensors.set(key, { shape, values: isBytes ? new Uint8Array(count) : new Float32Array(count) })
  }

/** A line of the error names the file, then the key or the tensor. */
const config = (rest: string) => new RegExp(`config\\.json: ${rest}`)
const file = (rest: string) => new RegExp(`model\\.safetensors: tensor ${rest}`)
const missing = (key: string) => new RegExp(`^.+: tensor ${key} is missing`)
const unknown = (key: string) => new RegExp(`^.+: tensor ${key}.* has no place in a model with this config.json`)

const EXPERTS = 'model.layers.1.mlp.experts'

const CASES: Record<string, Wrong> = {
  'lfm2_moe without layer types': { of: LFM2, keys: { layer_types: undefined }, says: config('layer_types must be') },
  'lfm2_moe with an unknown layer type': {
    of: LFM2,
    keys: { layer_types: ['conv', 'mamba', 'conv', 'conv'] },
    says: config('layer_types\\[1\\] must be one of conv, full_attention, not "mamba"'),
  },
  'lfm2_moe with layer types for other layers': {
    of: LFM2,
    keys: { layer_types: ['conv'] },
    says: config('layer_types must be a list of 4 types'),
  },
  'lfm2_moe with a filter of one tap': { of: LFM2, keys: { conv_L_cache: 1 }, says: config('conv_L_cache must be') },
  'lfm2_moe with a filter of nine taps': { of: LFM2, keys: { conv_L_cache: 9 }, says: config('conv_L_cache must be') },
  'lfm2_moe with another number of taps than its filters': {
    of: LFM2,
    keys: { conv_L_cache: 4 },
    says: file('model.layers.0.conv.conv.weight has shape \\[44, 1, 3\\], config.json asks for \\[44, 1, 4\\]'),
  },
  'lfm2_moe without a bias of the choice': {
    of: LFM2,
    change: without('model.layers.1.feed_forward.expert_bias'),
    says: missing('model.layers.1.feed_forward.expert_bias'),
  },
  'lfm2_moe with a bias that its keys deny': {
    of: LFM2,
    keys: { use_expert_bias: false },
    says: unknown('model.layers.1.feed_forward.expert_bias'),
  },
  'lfm2_moe with biases of convolutions that its keys deny': {
    of: LFM2,
    change: withZeros('model.layers.0.conv.conv.bias', 44),
    says: unknown('model.layers.0.conv.conv.bias'),
  },
  'lfm2_moe without the norm of queries': {
    of: LFM2,
    change: without('model.layers.1.self_attn.q_layernorm.weight'),
    says: missing('model.layers.1.self_attn.q_layernorm.weight'),
  },
  'gpt_oss with an unknown layer type': {
    of: GPT_OSS,
    keys: { layer_types: ['full_attention', 'chunked_attention', 'full_attention'] },
    says: config('layer_types\\[1\\] must be one of sliding_attention, full_attention'),
  },
  'gpt_oss without sinks': {
    of: GPT_OSS,
    change: without('model.layers.2.self_attn.sinks'),
    says: missing('model.layers.2.self_attn.sinks'),
  },
  'gpt_oss with sinks of other heads': {
    of: GPT_OSS,
    change: withZeros('model.layers.2.self_attn.sinks', 5),
    says: file('model.layers.2.self_attn.sinks has shape \\[5\\], config.json asks for \\[4\\]'),
  },
  'gpt_oss with biases of attention that its keys deny': {
    of: GPT_OSS,
    keys: { attention_bias: false },
    says: unknown('model.layers.0.self_attn.q_proj.bias'),
  },
  'gpt_oss with transposed experts': {
    of: GPT_OSS,
    change: withZeros(`${EXPERTS}.down_proj`, 7, 40, 20),
    says: file(`${EXPERTS}.down_proj has shape \\[7, 40, 20\\], config.json asks for \\[7, 20, 40\\]`),
  },
  'gpt_oss without biases of experts': {
    of: GPT_OSS,
    change: without(`${EXPERTS}.gate_up_proj_bias`),
    says: missing(`${EXPERTS}.gate_up_proj_bias`),
  },
  'gpt_oss in another quantisation': {
    of: GPT_OSS,
    keys: { quantization_config: { quant_method: 'fp8' } },
    says: config('the weights are quantised with FP8 \\(quantization_config\\)'),
  },
  'MXFP4 without scales': {
    of: MXFP4,
    change: without(`${EXPERTS}.gate_up_proj_scales`),
    says: missing(`${EXPERTS}.gate_up_proj_scales`),
  },
  'MXFP4 without blocks': {
    of: MXFP4,
    change: without(`${EXPERTS}.down_proj_blocks`),
    says: missing(`${EXPERTS}.down_proj_blocks`),
  },
  'MXFP4 with blocks of another shape': {
    of: MXFP4,
    change: withZeros(`${EXPERTS}.gate_up_proj_blocks`, 7, 64, 32),
    says: file(`${EXPERTS}.gate_up_proj_blocks has shape \\[7, 64, 32\\], config.json asks for \\[7, 64, 2, 16\\]`),
  },
  'MXFP4 with scales of another shape': {
    of: MXFP4,
    change: withZeros(`${EXPERTS}.down_proj_scales`, 7, 64, 2),
    says: file(`${EXPERTS}.down_proj_scales has shape \\[7, 64, 2\\], config.json asks for \\[7, 64, 1\\]`),
  },
  'MXFP4 with scales in floats': {
    of: MXFP4,
    change: (tensors) => {
      tensors.set(`${EXPERTS}.down_proj_scales`, { shape: [7, 64, 1], values: new Float32Array(448) })
    },
    says: file(`${EXPERTS}.down_proj_scales has dtype F32, MXFP4 is stored as U8`),
  },
  'MXFP4 beside the same experts in floats': {
    of: MXFP4,
    change: withZeros(`${EXPERTS}.down_proj`, 7, 32, 64),
    says: unknown(`${EXPERTS}.down_proj`),
  },
  'MXFP4 with rows that are not whole blocks': {
    of: MXFP4,
    keys: { intermediate_size: 33 },
    says: config('intermediate_size must be a multiple of 32 with experts in MXFP4, not 33'),
  },
  'smallthinker with a layout of other layers': {
    of: SMALL_THINKER,
    keys: { rope_layout: [1, 1] },
    says: config('rope_layout must be a list of 4 numbers, 0 or 1'),
  },
  'smallthinker with a layout of other numbers': {
    of: SMALL_THINKER,
    keys: { sliding_window_layout: [0, 1, 2, 3] },
    says: config('sliding_window_layout must be a list of 4 numbers, 0 or 1'),
  },
  'smallthinker with windows of no size': {
    of: SMALL_THINKER,
    keys: { sliding_window_size: null },
    says: config('sliding_window_size must be an integer'),
  },
  'smallthinker without a router': {
    of: SMALL_THINKER,
    change: without('model.layers.3.block_sparse_moe.primary_router.weight'),
    says: missing('model.layers.3.block_sparse_moe.primary_router.weight'),
  },
  'smallthinker without the head of an untied model': {
    of: SMALL_THINKER,
    keys: { tie_word_embeddings: false },
    says: missing('lm_head.weight'),
  },
  'smallthinker with a bias': {
    of: SMALL_THINKER,
    change: withZeros('model.layers.0.self_attn.q_proj.bias', 30),
    says: unknown('model.layers.0.self_attn.q_proj.bias'),
  },
  'ernie4_5_moe with experts in other layers': {
    of: ERNIE,
    keys: { moe_layer_interval: 2 },
    says: missing('model.layers.2.mlp.gate_proj.weight'),
  },
  'ernie4_5_moe with another number of shared experts': {
    of: ERNIE,
    keys: { moe_num_shared_experts: 1 },
    says: file(
      'model.layers.1.mlp.shared_experts.gate_proj.weight has shape \\[40, 40\\], config.json asks for \\[20, 40\\]',
    ),
  },
  'ernie4_5_moe with shared experts that its keys deny': {
    of: ERNIE,
    keys: { moe_num_shared_experts: 0 },
    says: unknown('model.layers.1.mlp.shared_experts.gate_proj.weight'),
  },
  'ernie4_5_moe without a bias of the choice': {
    of: ERNIE,
    change: without('model.layers.4.mlp.moe_statics.e_score_correction_bias'),
    says: missing('model.layers.4.mlp.moe_statics.e_score_correction_bias'),
  },
  'ernie4_5_moe with a list of first layers': {
    of: ERNIE,
    keys: { moe_layer_start_index: [1, 1] },
    says: config('moe_layer_start_index must be an integer'),
  },
}

for (const family of ['lfm2_moe', 'gpt_oss', 'MXFP4', 'smallthinker', 'ernie4_5_moe']) {
  test(`wrong checkpoints of ${family} are refused by name`, () =>
    inTemporaryFolder(async (dir) => {
      for (const [name, { of, keys = {}, change, says }] of Object.entries(CASES)) {
        if (!name.startsWith(family)) continue
        const found: FamilyCase | undefined = FAMILY_CASES.find((family) => family.name === of)
        if (!found) throw new Error(`no case ${of}`)
        const tensors = randomWeights(found.shapes, 1, found.weights)
        change?.(tensors)
        await writeTensors(dir, { ...found.keys, ...keys }, tensors)
        await rejectsWithUserError(() => withLoaded(dir, { quant: 'f32' }, () => undefined), says)
      }
    }))
}

test('each wrong checkpoint is of a family above', () => {
  for (const name of Object.keys(CASES)) assert.match(name, /^(lfm2_moe|gpt_oss|MXFP4|smallthinker|ernie4_5_moe) /)
})

test.run()
