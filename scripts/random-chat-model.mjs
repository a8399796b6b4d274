import { cp, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { writeRandomCheckpoint } from '../build/test/support/synthetic-checkpoint.js'

/** Keys that all these models share: narrow ones, with the tokens of nano. */
const NARROW = { vocab_size: 4096, hidden_size: 32, num_attention_heads: 2, num_key_value_heads: 2, eos_token_id: 4095 }

/** Models with random weights, and as many layers and experts as published ones. */
const KEYS = {
  'granite-like': {
    model_type: 'granitemoe',
    num_hidden_layers: 24,
    num_local_experts: 32,
    num_experts_per_tok: 8,
    intermediate_size: 16,
    embedding_multiplier: 1,
    attention_multiplier: 0.25,
    residual_multiplier: 0.5,
    logits_scaling: 1,
    tie_word_embeddings: true,
  },
  'olmoe-like': {
    model_type: 'olmoe',
    num_hidden_layers: 16,
    num_experts: 64,
    num_experts_per_tok: 8,
    intermediate_size: 16,
    norm_topk_prob: true,
  },
  'qwen3-like': {
    model_type: 'qwen3_moe',
    num_hidden_layers: 48,
    num_experts: 128,
    num_experts_per_tok: 8,
    moe_intermediate_size: 8,
    intermediate_size: 8,
    head_dim: 16,
    norm_topk_prob: true,
  },
}

/** Writes a checkpoint with random weights that can chat: it has nano's tokenizer and template. Returns its folder. */
export async function writeRandomChatModel(folder, name) {
  const path = join(folder, name)
  await mkdir(path)
  await writeRandomCheckpoint(path, { ...NARROW, ...KEYS[name] }, 1, {
    gain: (key) => (/gate\.|router/.test(key) ? 1.5 : 1),
  })
  for (const file of ['tokenizer.json', 'tokenizer_config.json', 'generation_config.json']) {
    await cp(fileURLToPath(new URL(`../models/nano/${file}`, import.meta.url)), join(path, file))
  }
  return path
}
