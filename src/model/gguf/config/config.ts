import { UserError } from '../../../ground/errors.js'
import { printable } from '../../../ground/printable.js'
import type { GgufFile } from '../file/gguf-file.js'
import { FAMILIES, type GgufFamily } from './families.js'
import { FamilyKeys } from './family-keys.js'
import { DEFAULT_BASE, ropeKeys } from './rope-keys.js'

/**
 * The config.json of a GGUF file's model, as Hugging Face writes it. Throws a UserError that names the file and the key
 * if molm does not run the family, or not this model of it.
 */
export function ggufConfig(file: GgufFile): Record<string, unknown> {
  checkIsModel(file)
  const keys = new FamilyKeys(file)
  const family = familyOf(keys)
  refuseOtherMathematics(keys, family)
  return { ...commonKeys(keys, family), ...family.config(keys) }
}

/** Refuses files with a part of a model, or with none. */
function checkIsModel({ metadata, tensors }: GgufFile): void {
  const type = metadata.text('general.type', 'model')
  if (type === 'imatrix') throw metadata.refuse('general.type', 'is imatrix: statistics to quantise with, not a model')
  if (type !== 'model') {
    throw metadata.refuse('general.type', `is ${printable(type)}: the file is no model, but a part of one`)
  }
  if (tensors.size === 0)
    throw new UserError(`${metadata.name}: has no tensors; such files hold a vocabulary, not a model`)
}

/** The family of a file. Throws a UserError with the reason if molm does not run it. */
export function familyOf(keys: FamilyKeys): GgufFamily {
  const { architecture, file } = keys
  const hasExperts = keys.values('expert_count').some((count) => count > 0)
  const family = Object.hasOwn(FAMILIES, architecture) ? FAMILIES[architecture] : undefined
  if (family && (hasExperts || family.runsDense)) return family
  const known =
    Object.keys(REFUSED).find((reason) => REFUSED[reason].includes(architecture)) ??
    (Object.hasOwn(FAMILIES, architecture) ? 'it without experts' : undefined)
  const runs = Object.entries(FAMILIES).map(([name, { title }]) => `${name} (${title})`)
  throw new UserError(
    `${file.metadata.name}: general.architecture is ${printable(architecture)}; ` +
      `molm does not run ${known ?? 'this family'}\nit runs ${runs.join(', ')}`,
  )
}

function commonKeys(keys: FamilyKeys, family: GgufFamily): Record<string, unknown> {
  const ofHeads = 'attention.head_count'
  const heads = family.reads?.includes(ofHeads) ? keys.values(ofHeads)[0] : keys.uniform(ofHeads)
  return {
    model_type: family.modelType(keys),
    vocab_size: keys.rowsOf('token_embd.weight') ?? keys.number('vocab_size'),
    hidden_size: keys.number('embedding_length'),
    num_hidden_layers: keys.layers,
    num_attention_heads: heads,
    ...(!family.reads?.includes('attention.head_count_kv') && {
      num_key_value_heads: keys.uniform('attention.head_count_kv', heads) || heads,
    }),
    head_dim: keys.headSize,
    num_experts_per_tok: family.runsDense ? keys.number('expert_used_count', 0) : keys.number('expert_used_count'),
    rms_norm_eps: keys.number('attention.layer_norm_rms_epsilon', ...(family.mayCentre ? [null] : [])),
    ...ropeKeys(keys, { enlarges: family.enlarges }),
    hidden_act: 'silu',
    max_position_embeddings: keys.number('context_length'),
    tie_word_embeddings: !keys.hasTensor('output.weight'),
    bos_token_id: keys.tokenId('bos'),
    eos_token_id: keys.tokenId('eos'),
    pad_token_id: keys.tokenId('padding'),
  }
}

/** Known architectures that molm does not run, by the reason in words that follow "molm does not run". */
const REFUSED: Readonly<Record<string, readonly string[]>> = {
  'models without experts': [
    ...['llama', 'granite', 'qwen2', 'qwen3', 'gemma', 'gemma2', 'gemma3', 'phi2', 'phi3', 'mistral3', 'olmo', 'olmo2'],
    ...['lfm2', 'smollm3', 'exaone4', 'ernie4_5', 'glm4'],
  ],
  'linear attention': ['qwen35'],
  'layers of state spaces (Mamba)': ['jamba', 'mamba', 'mamba2', 'nemotron_h', 'falcon-h1'],
  encoders: ['bert', 'nomic-bert', 'nomic-bert-moe', 't5'],
  "gpt-oss in the layout of Ollama's own converter": ['gptoss'],
  'the part of a model that reads images or sound': ['clip'],
}

/**
 * Keys that change what a model computes and that only some families have, with the values that change nothing. With
 * other values a file is refused, unless its family reads the key.
 */
const NEUTRAL: Readonly<Record<string, readonly number[]>> = {
  attn_logit_softcapping: [0],
  router_logit_softcapping: [0],
  final_logit_softcapping: [0],
  'attention.scale': [0],
  'attention.output_scale': [0, 1],
  'attention.temperature_scale': [0],
  'attention.temperature_length': [0],
  'attention.max_alibi_bias': [0],
  'attention.clamp_kqv': [0],
  'attention.causal': [1],
  'attention.sliding_window': [0],
  'attention.shared_kv_layers': [0],
  'attention.q_lora_rank': [0],
  'attention.kv_lora_rank': [0],
  'rope.scaling.finetuned': [0, 1],
  'rope.dimension_sections': [],
  use_parallel_residual: [0],
  embedding_scale: [0, 1],
  residual_scale: [0, 1],
  logit_scale: [0, 1],
  embedding_length_per_layer_input: [0],
  expert_gating_func: [0],
  expert_group_count: [0, 1],
  expert_group_scale: [0, 1],
  experts_per_group: [0, 1],
  expert_weights_norm: [],
  expert_weights_scale: [0, 1],
  interleave_moe_layer_step: [0, 1],
  moe_every_n_layers: [0, 1],
  moe_latent_size: [0],
  n_deepstack_layers: [0],
  nextn_predict_layers: [0],
  swiglu_clamp_exp: [0],
  swiglu_clamp_shexp: [0],
}

/** Throws a UserError that names the key if a file's model computes something that its family in molm does not. */
function refuseOtherMathematics(keys: FamilyKeys, { reads = [], means = {}, stopsRotations }: GgufFamily): void {
  for (const [key, neutral] of Object.entries(NEUTRAL)) {
    if (reads.includes(key)) continue
    const allowed = means[key] ?? neutral
    const other = keys.values(key).find((value) => !allowed.includes(value))
    if (other !== undefined) throw keys.refuse(key, `is ${other}, which molm does not compute in this family`)
  }
  for (const [key, expected] of sameValues(keys)) {
    if (reads.includes(key)) continue
    const value = keys.number(key, expected)
    if (value !== expected) throw keys.refuse(key, `is ${value}, and molm runs models with ${expected} alone`)
  }
  if (keys.hasTensor('rope_freqs.weight') && !stopsRotations) {
    throw keys.refuse(
      'rope.scaling.type',
      'is llama3 by its tensor rope_freqs.weight, and molm computes linear and yarn',
    )
  }
}

/** Keys whose values must equal others: heads have one size, and layers with a window turn like all others. */
function sameValues(keys: FamilyKeys): [key: string, expected: number][] {
  const { headSize } = keys
  return [
    ['attention.value_length', headSize],
    ['attention.key_length_swa', headSize],
    ['attention.value_length_swa', headSize],
    ['rope.dimension_count_swa', headSize],
    ['rope.freq_base_swa', keys.number('rope.freq_base', DEFAULT_BASE)],
  ]
}
