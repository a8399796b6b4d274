import { type ModelConfig, parseConfig } from './config.js'

/** config.json of the published models, as far as it differs from the defaults (ibm-research/MoLM-* on the hub). */
const COMMON = {
  model_type: 'moduleformer',
  vocab_size: 50295,
  n_embd: 1024,
  att_hidden: 1024,
  n_head: 1,
  ffd_hidden: 2048,
}
const EXPERTS = { n_att_experts: 16, n_mlp_experts: 32 }

const SHAPES = {
  '350m-4b': { n_layer: 24, k_att: 2, k_mlp: 2 },
  '700m-4b': { n_layer: 24, k_att: 4, k_mlp: 4 },
  '700m-8b': { n_layer: 48, k_att: 2, k_mlp: 2 },
} as const

export type PublishedShape = keyof typeof SHAPES
export const PUBLISHED_SHAPES = Object.keys(SHAPES) as PublishedShape[]

/** Shape of a published model. */
export function publishedShape(name: PublishedShape): ModelConfig {
  return parseConfig({ ...COMMON, ...EXPERTS, ...SHAPES[name] }, `shape ${name}`)
}
