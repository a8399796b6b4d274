import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { FAMILY_FIXTURES, fixturePath } from '../support/fixtures.js'
import { writeCheckpoint, writeRandomCheckpoint } from '../support/synthetic-checkpoint.js'
import { type Files, take } from './files.js'

/** Shapes of a few kilobytes, fast to read. */
const TINY = {
  ...{ vocab_size: 24, n_embd: 8, n_layer: 2, n_head: 2, att_hidden: 8, ffd_hidden: 8, gating_size: 4 },
  ...{ n_att_experts: 3, n_mlp_experts: 4, k_att: 1, k_mlp: 2, bos_token_id: 23, eos_token_id: 23 },
}

const SHAPES: Record<string, object> = {
  mlp: {},
  linear: { gate_type: 'linear', activation_function: 'silu', tie_word_embeddings: true },
  shared: { n_head: 1, gate_type: 'gmm' },
  classifier: { architectures: ['ModuleFormerForSequenceClassification'], id2label: { 0: 'no', 1: 'yes' } },
  pruned: { molm_experts: { attention: [3, 2], mlp: [4, 3], silent: { attention: [0, 1], mlp: [0, 1] } } },
}

/** Largest sizes for the other families by config key. A key that a fixture lacks, or has as null, stays as it is. */
const TINY_DECODER: Record<string, number> = {
  ...{ vocab_size: 24, hidden_size: 8, num_hidden_layers: 2, num_layers: 2, bos_token_id: 23, eos_token_id: 22 },
  ...{ num_attention_heads: 2, num_key_value_heads: 1, head_dim: 4, kv_channels: 4, pad_token_id: 22 },
  ...{ intermediate_size: 8, ffn_hidden_size: 8, moe_intermediate_size: 8, moe_ffn_hidden_size: 8 },
  ...{ dense_intermediate_size: 8, num_dense_layers: 1, moe_layer_end_index: 1 },
  ...{ shared_intermediate_size: 8, shared_expert_intermediate_size: 8 },
  ...{ num_local_experts: 3, num_experts: 3, moe_num_experts: 3, num_experts_per_tok: 2, moe_top_k: 2 },
  ...{ moe_k: 2, moe_num_primary_experts: 3, moe_num_active_primary_experts: 2 },
  ...{ mamba_n_heads: 1, mamba_n_groups: 1 },
  ...{ n_routed_experts: 3, n_group: 1, topk_group: 1, first_k_dense_replace: 1, kv_lora_rank: 8, q_lora_rank: 8 },
  ...{ layer_group_size: 2, moe_shared_expert_intermediate_size: 8, num_expert_group: 1, num_experts_per_token: 2 },
}

/** A share of a head must be pairs of channels, so a head that is turned in part keeps its size. */
const HEAD_SIZES = ['head_dim', 'kv_channels']

/** Sizes of matrices that are stored as MXFP4, which has blocks of 32 weights. */
const TINY_MXFP4: Record<string, number> = { hidden_size: 32, intermediate_size: 32 }

/** Writes a small checkpoint below `dir`: config.json and model.safetensors. */
export async function tinyCheckpoint(
  dir: string,
  shape: keyof typeof SHAPES = 'mlp',
): Promise<{ dir: string; files: Files }> {
  const folder = join(dir, shape)
  mkdirSync(folder)
  await writeCheckpoint(folder, { ...TINY, ...SHAPES[shape] })
  return { dir: folder, files: take(folder) }
}

/**
 * One config for every kind of router and head, and one for each fixture of another family, with that fixture's keys.
 */
export async function tinyCheckpoints(dir: string): Promise<{ dir: string; files: Files }[]> {
  const all: { dir: string; files: Files }[] = []
  for (const shape of Object.keys(SHAPES)) all.push(await tinyCheckpoint(dir, shape))
  for (const name of FAMILY_FIXTURES) all.push(await tinyFixture(dir, name))
  return all
}

/** Writes a small checkpoint below `dir` with the keys of a fixture of another family. */
export async function tinyFixture(dir: string, name: string): Promise<{ dir: string; files: Files }> {
  const folder = join(dir, name)
  mkdirSync(folder)
  const keys = JSON.parse(readFileSync(fixturePath(`${name}/config.json`), 'utf8'))
  await writeRandomCheckpoint(folder, tinyDecoder(keys))
  return { dir: folder, files: take(folder) }
}

/** The keys of a decoder of two layers. Of a list with an entry for each layer, two remain. */
function tinyDecoder(keys: Record<string, unknown>): Record<string, unknown> {
  const sizes: Record<string, number> = { ...TINY_DECODER, ...(keys.quantization_config ? TINY_MXFP4 : {}) }
  if (JSON.stringify(keys).includes('partial_rotary_factor')) for (const key of HEAD_SIZES) delete sizes[key]
  const tiny = (key: string, value: unknown) => {
    if (key === 'linear_attn_config') return { ...Object(value), kda_layers: [1], full_attn_layers: [2] }
    if (key === 'text_config') return tinyDecoder(value as Record<string, unknown>)
    if (Array.isArray(value) && value.length === keys.num_hidden_layers) return twoOf(value)
    return Object.hasOwn(sizes, key) && value !== null ? Math.min(Number(value), sizes[key]) : value
  }
  return Object.fromEntries(Object.entries(keys).map(([key, value]) => [key, tiny(key, value)]))
}

/** The first and the last of kinds of layers; the first two of numbers of experts, and no more experts than there are. */
function twoOf(list: unknown[]): unknown[] {
  if (list.some((value) => typeof value !== 'number')) return [list[0], list.at(-1)]
  return list.slice(0, 2).map((count) => Math.min(Number(count), TINY_DECODER.num_experts))
}
