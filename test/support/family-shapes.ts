import type { ErnieKeys, GptOssKeys, Lfm2Keys, SmallThinkerKeys } from './reference-families.js'

/*
 * Tensors of the families' checkpoints, from the raw keys of config.json, independent of the library.
 */

export type Shapes = Map<string, number[]>

interface Vocabulary {
  vocab_size: number
}

export type Lfm2Shape = Vocabulary &
  Lfm2Keys & { conv_bias?: boolean; intermediate_size: number; moe_intermediate_size: number; num_experts: number }

export function lfm2Shapes(keys: Lfm2Shape): Shapes {
  const { hidden_size: d, conv_bias, conv_L_cache: taps = 3, num_experts: E, moe_intermediate_size: f } = keys
  const headSize = keys.head_dim ?? d / keys.num_attention_heads
  const shapes = ends(keys, 'embedding_norm', keys.tie_embedding ?? keys.tie_word_embeddings ?? true)
  for (let l = 0; l < keys.num_hidden_layers; l++) {
    const block = `model.layers.${l}`
    for (const norm of ['operator_norm', 'ffn_norm']) shapes.set(`${block}.${norm}.weight`, [d])
    if (keys.layer_types?.[l] === 'full_attention' || keys.full_attn_idxs?.includes(l)) {
      attention(shapes, l, keys, { headSize, output: 'out_proj' })
      for (const norm of ['q_layernorm', 'k_layernorm']) shapes.set(`${block}.self_attn.${norm}.weight`, [headSize])
    } else {
      linear(shapes, `${block}.conv.in_proj`, [3 * d, d], conv_bias)
      shapes.set(`${block}.conv.conv.weight`, [d, 1, taps])
      if (conv_bias) shapes.set(`${block}.conv.conv.bias`, [d])
      linear(shapes, `${block}.conv.out_proj`, [d, d], conv_bias)
    }
    const feed = `${block}.feed_forward`
    const isDense = l < (keys.num_dense_layers ?? 2)
    if (isDense) gated(shapes, feed, keys.intermediate_size, d, ['w1', 'w3', 'w2'])
    if (isDense) continue
    shapes.set(`${feed}.gate.weight`, [E, d])
    if (keys.use_expert_bias ?? true) shapes.set(`${feed}.expert_bias`, [E])
    for (let e = 0; e < E; e++) gated(shapes, `${feed}.experts.${e}`, f, d, ['w1', 'w3', 'w2'])
  }
  return shapes
}

export type GptOssShape = Vocabulary & GptOssKeys & { attention_bias?: boolean; quantization_config?: object }

export function gptOssShapes(keys: GptOssShape): Shapes {
  const { hidden_size: d, intermediate_size: f, num_local_experts: E, head_dim: headSize = 64 } = keys
  const shapes = ends(keys, 'norm', keys.tie_word_embeddings ?? false)
  for (let l = 0; l < keys.num_hidden_layers; l++) {
    const block = `model.layers.${l}`
    norms(shapes, l, d)
    attention(shapes, l, keys, { headSize, bias: keys.attention_bias ?? true })
    shapes.set(`${block}.self_attn.sinks`, [keys.num_attention_heads])
    linear(shapes, `${block}.mlp.router`, [E, d], true)
    const experts = `${block}.mlp.experts`
    shapes.set(`${experts}.gate_up_proj_bias`, [E, 2 * f])
    shapes.set(`${experts}.down_proj_bias`, [E, d])
    if (keys.quantization_config) {
      mxfp4(shapes, `${experts}.gate_up_proj`, [E, 2 * f, d])
      mxfp4(shapes, `${experts}.down_proj`, [E, d, f])
    } else {
      shapes.set(`${experts}.gate_up_proj`, [E, d, 2 * f])
      shapes.set(`${experts}.down_proj`, [E, f, d])
    }
  }
  return shapes
}

export type SmallThinkerShape = Vocabulary &
  SmallThinkerKeys & { moe_ffn_hidden_size: number; moe_num_primary_experts: number }

export function smallThinkerShapes(keys: SmallThinkerShape): Shapes {
  const { hidden_size: d, moe_num_primary_experts: E, moe_ffn_hidden_size: f, head_dim: headSize = 128 } = keys
  const shapes = ends(keys, 'norm', keys.tie_word_embeddings ?? true)
  for (let l = 0; l < keys.num_hidden_layers; l++) {
    norms(shapes, l, d)
    attention(shapes, l, keys, { headSize })
    const moe = `model.layers.${l}.block_sparse_moe`
    shapes.set(`${moe}.primary_router.weight`, [E, d])
    for (let e = 0; e < E; e++) gated(shapes, `${moe}.experts.${e}`, f, d, ['gate', 'up', 'down'])
  }
  return shapes
}

export type ErnieShape = Vocabulary &
  ErnieKeys & { intermediate_size: number; moe_intermediate_size: number; moe_num_experts: number }

export function ernieShapes(keys: ErnieShape): Shapes {
  const { hidden_size: d, num_hidden_layers: L, moe_num_experts: E, moe_intermediate_size: f } = keys
  const { moe_layer_interval: interval = 1, moe_layer_start_index: start = 1, moe_layer_end_index: end = -1 } = keys
  const shared = (keys.moe_num_shared_experts ?? 2) * f
  const shapes = ends(keys, 'norm', keys.tie_word_embeddings ?? true)
  for (let l = 0; l < L; l++) {
    norms(shapes, l, d)
    attention(shapes, l, keys, { headSize: keys.head_dim ?? d / keys.num_attention_heads })
    const mlp = `model.layers.${l}.mlp`
    const isSparse = (l + 1) % interval === 0 && start <= l && l <= (end === -1 ? L - 1 : end)
    if (!isSparse) gated(shapes, mlp, keys.intermediate_size, d)
    if (!isSparse) continue
    shapes.set(`${mlp}.gate.weight`, [E, d])
    shapes.set(`${mlp}.moe_statics.e_score_correction_bias`, [1, E])
    for (let e = 0; e < E; e++) gated(shapes, `${mlp}.experts.${e}`, f, d)
    if (shared > 0) gated(shapes, `${mlp}.shared_experts`, shared, d)
  }
  return shapes
}

/** Embedding, last norm and head. */
function ends({ vocab_size: V, hidden_size: d }: Vocabulary & { hidden_size: number }, norm: string, isTied: boolean) {
  const shapes: Shapes = new Map([
    ['model.embed_tokens.weight', [V, d]],
    [`model.${norm}.weight`, [d]],
  ])
  if (!isTied) shapes.set('lm_head.weight', [V, d])
  return shapes
}

function norms(shapes: Shapes, l: number, d: number): void {
  for (const norm of ['input_layernorm', 'post_attention_layernorm']) {
    shapes.set(`model.layers.${l}.${norm}.weight`, [d])
  }
}

function attention(
  shapes: Shapes,
  l: number,
  keys: { hidden_size: number; num_attention_heads: number; num_key_value_heads: number },
  { headSize, output = 'o_proj', bias }: { headSize: number; output?: string; bias?: boolean },
): void {
  const { hidden_size: d, num_attention_heads: H, num_key_value_heads: K } = keys
  const key = `model.layers.${l}.self_attn`
  linear(shapes, `${key}.q_proj`, [H * headSize, d], bias)
  for (const name of ['k_proj', 'v_proj']) linear(shapes, `${key}.${name}`, [K * headSize, d], bias)
  linear(shapes, `${key}.${output}`, [d, H * headSize], bias)
}

function linear(shapes: Shapes, key: string, [rows, cols]: readonly [number, number], bias = false): void {
  shapes.set(`${key}.weight`, [rows, cols])
  if (bias) shapes.set(`${key}.bias`, [rows])
}

function gated(shapes: Shapes, key: string, f: number, d: number, names = ['gate_proj', 'up_proj', 'down_proj']): void {
  for (const [i, name] of names.entries()) shapes.set(`${key}.${name}.weight`, i === 2 ? [d, f] : [f, d])
}

function mxfp4(shapes: Shapes, key: string, [E, rows, cols]: readonly [number, number, number]): void {
  shapes.set(`${key}_blocks`, [E, rows, cols / 32, 16])
  shapes.set(`${key}_scales`, [E, rows, cols / 32])
}
