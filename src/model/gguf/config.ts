import { UserError } from '../../ground/errors.js'
import { printable } from '../../ground/printable.js'
import { FAMILIES, type GgufFamily } from './families.js'
import { FamilyKeys } from './family-keys.js'
import type { GgufFile } from './gguf-file.js'
import { refuseOtherMathematics } from './neutral-keys.js'
import { ropeKeys } from './rope-keys.js'

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
  const heads = keys.uniform('attention.head_count')
  return {
    model_type: family.modelType(keys),
    vocab_size: keys.rowsOf('token_embd.weight') ?? keys.number('vocab_size'),
    hidden_size: keys.number('embedding_length'),
    num_hidden_layers: keys.layers,
    num_attention_heads: heads,
    num_key_value_heads: keys.uniform('attention.head_count_kv', heads) || heads,
    head_dim: keys.headSize,
    num_experts_per_tok: family.runsDense ? keys.number('expert_used_count', 0) : keys.number('expert_used_count'),
    rms_norm_eps: keys.number('attention.layer_norm_rms_epsilon'),
    ...ropeKeys(keys),
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
  'attention of latent keys': ['deepseek2'],
  'linear attention': ['kimi-linear', 'qwen35'],
  'layers of state spaces (Mamba)': ['jamba', 'mamba', 'mamba2', 'nemotron_h', 'nemotron_h_moe', 'falcon-h1'],
  encoders: ['bert', 'nomic-bert', 'nomic-bert-moe', 't5'],
  "gpt-oss in the layout of Ollama's own converter": ['gptoss'],
  'the part of a model that reads images or sound': ['clip'],
}
