import {
  forward,
  graniteFactors,
  headsOf,
  type Keys,
  ofExperts,
  type Passed,
  softmaxOfChosen,
} from './reference-families.js'
import { attention, mamba2, type ReferenceTensors } from './reference-layers.js'
import { rotationOf } from './reference-rope.js'

/** Granite 4: Mamba-2 or attention; experts whose matrices are parts of one tensor, and a shared one, or that alone. */
export function graniteHybridForward(keys: Keys, tensors: ReferenceTensors, tokens: readonly number[]): Passed {
  const {
    hidden_size: d,
    intermediate_size: f = 0,
    num_local_experts: E = 8,
    shared_intermediate_size: s = 1024,
  } = keys
  const headSize = d / keys.num_attention_heads
  const rotation = keys.position_embedding_type === 'rope' ? rotationOf(keys, headSize, { theta: 1e4 }) : undefined
  const [least, most] = keys.time_step_limit ?? [0, Infinity]
  const eps = keys.rms_norm_eps ?? 1e-6
  const heads = keys.mamba_n_heads ?? 128
  const mamba = {
    heads,
    headSize: ((keys.mamba_expand ?? 2) * d) / heads,
    groups: keys.mamba_n_groups ?? 1,
    stateSize: keys.mamba_d_state ?? 256,
    taps: keys.mamba_d_conv ?? 4,
    limits: [least, typeof most === 'number' ? most : Infinity] as const,
    eps,
  }
  const types = keys.layer_types ?? keys.layers_block_type
  return forward(keys, tensors, tokens, {
    eps,
    isTied: keys.tie_word_embeddings ?? false,
    factors: graniteFactors(keys),
    mix(l, y, read) {
      const block = `model.layers.${l}`
      if (['mamba', 'linear_attention'].includes(types?.[l] ?? 'mamba')) return mamba2(read, `${block}.mamba`, y, mamba)
      const rules = { ...headsOf(keys, headSize), rotation, scale: keys.attention_multiplier ?? 1 }
      return attention(read, `${block}.self_attn`, y, rules)
    },
    feed(l, y, _, read) {
      const names = (key: string) => [`${key}.input_linear.weight`, `${key}.output_linear.weight`] as const
      const [moe, mlp] = [`model.layers.${l}.block_sparse_moe`, `model.layers.${l}.shared_mlp`]
      const shared = { gate: 1, y: read.stacked(names(mlp), 0, s, y) }
      if (E === 0) return { outputs: [shared] }
      const chosen = softmaxOfChosen([...read.linear(`${moe}.router.layer`, y)], keys.num_experts_per_tok ?? 2)
      return { chosen, outputs: [...ofExperts(chosen, (e) => read.stacked(names(moe), e, f, y)), shared] }
    },
  })
}
