import {
  forward,
  graniteFactors,
  headsOf,
  type Keys,
  ofExperts,
  type Passed,
  softmaxOfChosen,
} from './reference-families.js'
import { chosenInGroups, type GroupedKeys } from './reference-latent.js'
import { attention, mamba2, type Reader, type ReferenceTensors, type Row } from './reference-layers.js'
import { ACTIVATIONS } from './reference-math.js'
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

export interface NemotronKeys extends Omit<GroupedKeys, 'num_hidden_layers'> {
  hybrid_override_pattern?: string
  mamba_num_heads: number
  mamba_head_dim: number
  n_groups: number
  ssm_state_size: number
  conv_kernel?: number
  layer_norm_epsilon?: number
}

const NEMOTRON_SIGNS: Record<string, string> = { mamba: 'M', linear_attention: 'M', moe: 'E', mlp: '-' }

/** Nemotron 3: a layer is Mamba-2, attention, experts or a dense network; nothing has a gate inside. */
export function nemotronForward(given: NemotronKeys, tensors: ReferenceTensors, tokens: readonly number[]): Passed {
  const { hybrid_override_pattern: pattern = '', layers_block_type: types, layer_norm_epsilon: eps = 1e-5 } = given
  const kinds = types?.map((type) => NEMOTRON_SIGNS[type] ?? '*') ?? [...pattern]
  const keys = { ...given, num_hidden_layers: kinds.length }
  const nameOf = (key: string) => key.replace('backbone.embeddings', 'model.embed_tokens').replace('backbone', 'model')
  const named = new Map([...tensors].map(([key, values]) => [nameOf(key), values]))
  const mamba = {
    ...{ heads: keys.mamba_num_heads, headSize: keys.mamba_head_dim, groups: keys.n_groups, eps },
    ...{ stateSize: keys.ssm_state_size, taps: keys.conv_kernel ?? 4, normGroups: keys.n_groups },
  }
  const plain = (read: Reader, key: string, y: Row) =>
    read.linear(`${key}.down_proj`, read.linear(`${key}.up_proj`, y).map(ACTIVATIONS.relu2))
  return forward(keys, named, tokens, {
    norms: ['norm', 'norm', 'norm_f'],
    eps,
    isTied: false,
    mix(l, y, read) {
      const mixer = `model.layers.${l}.mixer`
      if (kinds[l] === 'M') return mamba2(read, mixer, y, mamba)
      return kinds[l] === '*'
        ? attention(read, mixer, y, headsOf(keys, keys.head_dim ?? 128))
        : y.map((row) => new Float64Array(row.length))
    },
    feed(l, y, _, read) {
      const mixer = `model.layers.${l}.mixer`
      if (kinds[l] === '-') return { outputs: [{ gate: 1, y: plain(read, mixer, y) }] }
      if (kinds[l] !== 'E') return { outputs: [] }
      const rule = { ...keys, num_experts_per_tok: keys.num_experts_per_tok ?? 2 }
      const chosen = chosenInGroups(read, `${mixer}.gate`, y, rule, { score: 'sigmoid', factor: 1 })
      const shared = read.has(`${mixer}.shared_experts.up_proj.weight`)
        ? [{ gate: 1, y: plain(read, `${mixer}.shared_experts`, y) }]
        : []
      return { chosen, outputs: [...ofExperts(chosen, (e) => plain(read, `${mixer}.experts.${e}`, y)), ...shared] }
    },
  })
}
