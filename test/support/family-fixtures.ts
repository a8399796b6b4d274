import { readdirSync, readFileSync } from 'node:fs'
import { floatsOf, type StoredFloats } from './expected.js'
import { FIXTURES, fixturePath } from './fixtures.js'

/**
 * Checkpoints of all families other than ModuleFormer, with results of Hugging Face transformers. The list excludes
 * ModuleFormer rather than naming the others, so that it includes every new family.
 */
export const FAMILY_FIXTURES = readdirSync(fixturePath('')).filter(
  (name) => /^\d{2,3}-/.test(name) && !FIXTURES.includes(name),
)

/** Routes of one kind in one layer: a row of ids and a row of gates for each token. */
interface Routes {
  ids: number[][]
  gates: number[][]
}

/** Results of transformers for such a checkpoint, by prompt. */
export interface FamilyExpected {
  prompts: Record<string, number[]>
  lastLogits: Record<string, Float32Array>
  /** [T, V], for some prompts. */
  allLogits: Record<string, Float32Array>
  /** [L, d]: residual stream after each block, at the last token. */
  blockOutputs: Record<string, Float32Array>
  /** By layer. A kind is absent if the layer has no experts of it. */
  routing: Record<string, { attn?: Routes; mlp?: Routes }[]>
  greedy: Record<string, number[]>
  meanCrossEntropy: Record<string, number>
}

export function readFamilyExpected(name: string): FamilyExpected {
  const json = JSON.parse(readFileSync(fixturePath(`${name}/expected.json`), 'utf8'))
  const floats = (stored: Record<string, StoredFloats>) =>
    Object.fromEntries(Object.entries(stored).map(([prompt, values]) => [prompt, floatsOf(values)]))
  const greedy = Object.entries<{ ids: number[] }>(json.greedy).map(([prompt, { ids }]) => [prompt, ids])
  return {
    prompts: json.prompts,
    lastLogits: floats(json.last_logits),
    allLogits: floats(json.all_logits),
    blockOutputs: floats(json.block_outputs_last ?? {}),
    routing: json.routing,
    greedy: Object.fromEntries(greedy),
    meanCrossEntropy: json.mean_cross_entropy,
  }
}
