import type { ModelConfig } from '../model/config.js'
import { parseConfig } from './index.js'

/** config.json of MoLM as far as it differs from the defaults (ibm-research/MoLM-* on the hub). */
const MOLM = {
  model_type: 'moduleformer',
  vocab_size: 50295,
  n_embd: 1024,
  att_hidden: 1024,
  n_head: 1,
  ffd_hidden: 2048,
  n_att_experts: 16,
  n_mlp_experts: 32,
}

const SHAPES = {
  '350m-4b': { ...MOLM, n_layer: 24, k_att: 2, k_mlp: 2 },
  '700m-4b': { ...MOLM, n_layer: 24, k_att: 4, k_mlp: 4 },
  '700m-8b': { ...MOLM, n_layer: 48, k_att: 2, k_mlp: 2 },
} as const

export type PublishedShape = keyof typeof SHAPES
export const PUBLISHED_SHAPES = Object.keys(SHAPES) as PublishedShape[]

/** Shape of a published model. */
export function publishedShape(name: PublishedShape): ModelConfig {
  return parseConfig(SHAPES[name], `shape ${name}`)
}
