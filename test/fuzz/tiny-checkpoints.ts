import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { writeCheckpoint } from '../support/synthetic-checkpoint.js'
import { type Files, take } from './files.js'

/** Shapes of a few kilobytes, which are read in no time. */
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

/** Makes a small checkpoint below `dir`: config.json and model.safetensors. */
export async function tinyCheckpoint(
  dir: string,
  shape: keyof typeof SHAPES = 'mlp',
): Promise<{ dir: string; files: Files }> {
  const folder = join(dir, shape)
  mkdirSync(folder)
  await writeCheckpoint(folder, { ...TINY, ...SHAPES[shape] })
  return { dir: folder, files: take(folder) }
}

/** One of every kind of router and head. */
export async function tinyCheckpoints(dir: string): Promise<Files[]> {
  const all: Files[] = []
  for (const shape of Object.keys(SHAPES)) all.push((await tinyCheckpoint(dir, shape)).files)
  return all
}
