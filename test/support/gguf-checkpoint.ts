import type { Checkpoint } from '#molm/model/checkpoint/checkpoint.js'
import { OTHER_PARTS } from '#molm/model/families/shared/text-part.js'
import type { Config } from './gguf-metadata.js'
import { readFloats } from './read-floats.js'

/*
 * The tensors of a checkpoint as llama.cpp's convert_hf_to_gguf.py writes them: renamed, experts stacked, fused
 * matrices split, and rows of queries and keys reordered in the models whose neighbouring channels llama.cpp turns.
 */

/** Tensor of floats, or of MXFP4 blocks in GGUF's layout. The shape begins with the outermost dimension. */
export interface NamedTensor {
  name: string
  shape: number[]
  values: Float32Array
  mxfp4?: Uint8Array
}

/** Names of GGUF by the names of the checkpoint, which precede it in its row. */
function names(table: string): Readonly<Record<string, string>> {
  const rows = table
    .trim()
    .split('\n')
    .map((row) => row.trim().split(' '))
  return Object.fromEntries(rows.flatMap((row) => row.slice(0, -1).map((name) => [name, row[row.length - 1]])))
}

/** Within a block. */
const BLOCK_NAMES = names(`
  input_layernorm operator_norm attn_norm
  post_attention_layernorm ffn_norm pre_mlp_layernorm ffn_norm
  post_mlp_layernorm post_ffw_norm
  attention.q_proj self_attn.q_proj attn_q
  attention.k_proj self_attn.k_proj attn_k
  attention.v_proj self_attn.v_proj attn_v
  attention.o_proj self_attn.o_proj self_attn.out_proj attn_output
  self_attn.q_norm self_attn.q_layernorm attn_q_norm
  self_attn.k_norm self_attn.k_layernorm attn_k_norm
  attention.q_a_proj self_attn.q_a_proj attn_q_a
  attention.q_a_layernorm self_attn.q_a_layernorm attn_q_a_norm
  attention.q_b_proj self_attn.q_b_proj attn_q_b
  attention.kv_a_proj_with_mqa self_attn.kv_a_proj_with_mqa attn_kv_a_mqa
  attention.kv_a_layernorm self_attn.kv_a_layernorm attn_kv_a_norm
  self_attn.kv_b_proj attn_kv_b
  attention.query_key_value attn_qkv
  attention.query_layernorm attn_q_norm
  attention.key_layernorm attn_k_norm
  attention.dense attn_output
  self_attn.gate_proj self_attn.g_proj attn_gate
  self_attn.sinks attn_sinks.weight
  attention.A_log self_attn.A_log linear_attn.A_log ssm_a
  attention.dt_bias self_attn.dt_bias linear_attn.dt_bias ssm_dt.bias
  attention.q_conv1d self_attn.q_conv1d ssm_conv1d_q
  attention.k_conv1d self_attn.k_conv1d ssm_conv1d_k
  attention.v_conv1d self_attn.v_conv1d ssm_conv1d_v
  attention.b_proj self_attn.b_proj ssm_beta
  attention.f_proj self_attn.f_a_proj ssm_f_a
  self_attn.f_b_proj ssm_f_b
  attention.g_proj self_attn.g_a_proj ssm_g_a
  self_attn.g_b_proj ssm_g_b
  attention.o_norm self_attn.o_norm ssm_norm
  linear_attn.conv1d ssm_conv1d
  linear_attn.norm ssm_norm
  linear_attn.in_proj_qkv attn_qkv
  linear_attn.in_proj_z attn_gate
  linear_attn.in_proj_b ssm_beta
  linear_attn.in_proj_a ssm_alpha
  linear_attn.in_proj_ba ssm_ba
  linear_attn.out_proj ssm_out
  conv.conv shortconv.conv
  conv.in_proj shortconv.in_proj
  conv.out_proj shortconv.out_proj
  block_sparse_moe.router block_sparse_moe.router.layer block_sparse_moe.gate block_sparse_moe.primary_router ffn_gate_inp
  feed_forward.gate mlp.gate mlp.router mlp.router.gate ffn_gate_inp
  feed_forward.expert_bias mlp.expert_bias mlp.moe_statics.e_score_correction_bias mlp.gate.e_score_correction_bias block_sparse_moe.gate.e_score_correction_bias mlp.gate.expert_bias mlp.experts.e_score_correction_bias exp_probs_b.bias
  feed_forward.w1 mlp.gate_proj ffn_gate
  feed_forward.w2 mlp.down_proj ffn_down
  feed_forward.w3 mlp.up_proj ffn_up
  pre_feedforward_layernorm ffn_norm
  post_feedforward_layernorm post_ffw_norm
  post_feedforward_layernorm_1 post_ffw_norm_1
  post_feedforward_layernorm_2 post_ffw_norm_2
  pre_feedforward_layernorm_2 pre_ffw_norm_2
  layer_scalar layer_output_scale.weight
  router.proj ffn_gate_inp
  router.scale ffn_gate_inp.scale
  router.per_expert_scale ffn_down_exps.scale
  block_sparse_moe.output_linear ffn_down_exps
  block_sparse_moe.experts.down_proj experts.down_proj ffn_down_exps.weight
  mlp.experts.down_proj_bias ffn_down_exps.bias
  mlp.shared_expert_gate ffn_gate_inp_shexp
  shared_mlp.output_linear ffn_down_shexp
  shared_mlp.input_linear ffn_up_shexp
  mamba.in_proj mixer.in_proj ssm_in
  mamba.conv1d mixer.conv1d ssm_conv1d
  mamba.dt_bias mixer.dt_bias ssm_dt.bias
  mamba.A_log mixer.A_log ssm_a
  mamba.D mixer.D ssm_d
  mamba.norm mixer.norm ssm_norm
  mamba.out_proj mixer.out_proj ssm_out
  norm attn_norm
  mixer.q_proj attn_q
  mixer.k_proj attn_k
  mixer.v_proj attn_v
  mixer.o_proj attn_output
  mixer.gate ffn_gate_inp
  mixer.gate.e_score_correction_bias exp_probs_b.bias
`)

const WHOLE_NAMES = names(`
  model.embed_tokens model.word_embeddings backbone.embeddings token_embd
  model.embedding_norm token_embd_norm
  model.norm backbone.norm_f output_norm
  lm_head output
`)

/** Of an expert's matrices. */
const EXPERT_NAMES = names(`
  w1 gate gate_proj gate
  w2 down down_proj down
  w3 up up_proj up
`)

/** Model types whose channels 2i and 2i + 1 llama.cpp turns together, so that its converter reorders the rows. */
const NEIGHBOURS = ['mixtral', 'granitemoe', 'granitemoeshared', 'granitemoehybrid', 'granitemoe_swa']

/** Model types with DeltaNet, whose converters change numbers. */
const NEXT = ['qwen3_next', 'qwen3_5_moe_text']

/** Model types whose post_attention_layernorm llama.cpp calls by that name, whatever it is before. */
const AFTER_ATTENTION = ['gpt_oss', 'afmoe', 'gemma4_text', 'glm4_moe', ...NEXT]

function deltaShape(config: Config) {
  const [keyHeads, heads] = [Number(config.linear_num_key_heads), Number(config.linear_num_value_heads)]
  const [keySize, valueSize] = [Number(config.linear_key_head_dim), Number(config.linear_value_head_dim)]
  return { keyHeads, keySize, valueSize, share: heads / keyHeads }
}

/** Norms as 1 + w, and in Qwen3.5 the heads of values that share a key apart from each other. */
function asInFile(stored: NamedTensor, config: Config): NamedTensor {
  const { name, values } = stored
  if (name.endsWith('linear_attn.norm.weight')) return stored
  if (name.endsWith('norm.weight')) return { ...stored, values: values.map((w) => 1 + w) }
  return config.model_type === 'qwen3_5_moe_text' ? tiled(stored, deltaShape(config)) : stored
}

/** Heads of values [keyHeads, share] in the order [share, keyHeads]: rows, and columns of the output. */
function tiled(t: NamedTensor, { keyHeads, keySize, valueSize, share }: ReturnType<typeof deltaShape>): NamedTensor {
  const [, name] = /linear_attn\.(in_proj_\w+|A_log|dt_bias|conv1d|out_proj)/.exec(t.name) ?? []
  if (!name) return t
  const isOutput = name === 'out_proj'
  const size = /in_proj_[ab]$|A_log|dt_bias/.test(name) ? 1 : valueSize
  const first = /qkv|conv1d/.test(name) ? 2 * keyHeads * keySize : 0
  const rowOf = (row: number) => {
    if (row < first) return row
    const [head, i] = [Math.floor((row - first) / size), (row - first) % size]
    return first + ((head % keyHeads) * share + Math.floor(head / keyHeads)) * size + i
  }
  const [rows] = t.shape
  const width = t.values.length / rows
  const moved = isOutput
    ? t.values.map((_, i) => t.values[Math.floor(i / width) * width + rowOf(i % width)])
    : t.values.map((_, i) => t.values[rowOf(Math.floor(i / width)) * width + (i % width)])
  return { ...t, values: moved }
}

/** The config of a checkpoint's text part. */
export function textConfigOf({ config }: Pick<Checkpoint, 'config'>): Config {
  return (config.text_config ?? config) as Config
}

/** All tensors of a checkpoint of one of llama.cpp's families. */
export async function ggufTensors(checkpoint: Checkpoint): Promise<NamedTensor[]> {
  const config = textConfigOf(checkpoint)
  const out: NamedTensor[] = []
  const experts = new Map<string, NamedTensor[]>()
  const blocks = new Map<string, NamedTensor>()
  const isNext = NEXT.includes(String(config.model_type))
  for (const [key, tensor] of checkpoint.tensors) {
    if (OTHER_PARTS.test(key)) continue
    const [, block = '', inner = key] = /^(?:model|backbone)\.layers\.(\d+)\.(.+)$/.exec(key) ?? []
    // Layers that predict further tokens may be left out.
    if (Number(block) >= Number(config.num_hidden_layers)) continue
    const stored = { name: key, shape: [...tensor.shape], values: await readFloats(tensor) }
    const found = isNext ? asInFile(stored, config) : stored
    const [base, ending] = /^(.+)\.(weight|bias)$/.exec(inner)?.slice(1) ?? [inner, '']
    const one = /^(?:mlp|mixer|block_sparse_moe|feed_forward)\.experts\.(\d+)\.(\w+)$/.exec(base)
    const shared = /^(?:mlp|mixer|block_sparse_moe)\.shared_(?:experts?|mlp)\.(\w+)$/.exec(base)
    if (one) {
      const name = `blk.${block}.ffn_${EXPERT_NAMES[one[2]]}_exps.weight`
      const stack = experts.get(name) ?? []
      experts.set(name, stack)
      stack[Number(one[1])] = found
    } else if (shared) {
      out.push({ ...found, name: `blk.${block}.ffn_${EXPERT_NAMES[shared[1]]}_shexp.weight` })
    } else if (/_(blocks|scales)$/.test(base)) {
      blocks.set(key, found)
    } else if (block === '') {
      out.push({ ...found, name: `${WHOLE_NAMES[base]}.${ending}` })
    } else {
      out.push(...inBlock(found, `blk.${block}.`, base, ending, config))
    }
  }
  for (const [name, stack] of experts) out.push(stacked(name, stack))
  out.push(...mxfp4Tensors(blocks))
  if (config.model_type === 'gemma4_text') out.push(stoppedRotations(config))
  return out
}

/** Divisors of the frequencies in layers without a window: most channels do not turn. */
function stoppedRotations(config: Config): NamedTensor {
  const pairs = Number(config.global_head_dim) / 2
  const values = Float32Array.from({ length: pairs }, (_, i) => (i < Math.floor(pairs / 4) ? 1 : 1e30))
  return { name: 'rope_freqs.weight', shape: [pairs], values }
}

/** Tensors that one tensor of a block becomes. */
function inBlock(found: NamedTensor, block: string, base: string, ending: string, config: Config): NamedTensor[] {
  const isNext = NEXT.includes(String(config.model_type))
  const isDense = config.num_local_experts === 0
  const isFused = isNext || ['granitemoe_swa', 'gemma4_text'].includes(String(config.model_type))
  const pattern = isFused ? /^(?:(\w+)\.)?experts\.gate_up_proj$/ : /^(block_sparse_moe|shared_mlp)\.input_linear$/
  const joined = pattern.exec(base)
  if (joined) {
    const ofMlp = isDense ? '' : '_shexp'
    const kind = joined[1] === 'shared_mlp' ? ofMlp : '_exps'
    const half = (found.shape.at(-2) as number) / 2
    return (['gate', 'up'] as const).map((side, n) => ({
      ...takeRows(found, (i) => n * half + i, half),
      name: `${block}ffn_${side}${kind}.weight`,
    }))
  }
  if (base === 'linear_attn.in_proj_qkvz') {
    const { keyHeads, keySize, share, valueSize } = deltaShape(config)
    const values = share * valueSize
    const size = 2 * (keySize + values)
    // Of each key head: rows of q, k, v, z.
    const rowsOf = (first: number, count: number) =>
      Array.from({ length: keyHeads * count }, (_, i) => Math.floor(i / count) * size + first + (i % count))
    const mixed = [...rowsOf(0, keySize), ...rowsOf(keySize, keySize), ...rowsOf(2 * keySize, values)]
    const gate = rowsOf(2 * keySize + values, values)
    return [
      { ...takeRows(found, (i) => mixed[i], mixed.length), name: `${block}attn_qkv.weight` },
      { ...takeRows(found, (i) => gate[i], gate.length), name: `${block}attn_gate.weight` },
    ]
  }
  // gpt-oss: gate and up rows alternate, and floats are stored [inputs, rows].
  if (base === 'mlp.experts.gate_up_proj' || base === 'mlp.experts.gate_up_proj_bias') {
    const isBias = base.endsWith('_bias')
    const whole = isBias ? { ...found, shape: [...found.shape, 1] } : transposed(found)
    return (['gate', 'up'] as const).map((side, n) => {
      const half = takeRows(whole, (i) => 2 * i + n, whole.shape[1] / 2)
      const shape = isBias ? half.shape.slice(0, 2) : half.shape
      return { ...half, shape, name: `${block}ffn_${side}_exps.${isBias ? 'bias' : 'weight'}` }
    })
  }
  if (base === 'mlp.experts.down_proj') {
    return [{ ...(isNext ? found : transposed(found)), name: `${block}ffn_down_exps.weight` }]
  }
  if (AFTER_ATTENTION.includes(String(config.model_type)) && base === 'post_attention_layernorm') {
    return [{ ...found, name: `${block}post_attention_norm.weight` }]
  }
  if (/^(self_attn|attention)\.kv_b_proj$/.test(base) && !config.keeps_kv_b) return ofHeads(found, block, config)
  if (isDense && base === 'shared_mlp.output_linear') return [{ ...found, name: `${block}ffn_down.weight` }]
  const name = BLOCK_NAMES[base]
  if (!name) throw new Error(`no name in GGUF for ${found.name}`)
  if (base === 'attention.A_log') {
    // With its sign, but for this family.
    return [{ name: `${block}ssm_a`, shape: [...found.shape, 1], values: found.values.map(Math.exp) }]
  }
  if (base === 'attention.g_proj' && isLatent(block, config)) return [{ ...found, name: `${block}attn_gate.weight` }]
  const values = base.endsWith('.A_log') ? found.values.map((log) => -Math.exp(log)) : found.values
  const whole = { ...found, values, name: `${block}${name}${ending && !name.endsWith('.bias') ? `.${ending}` : ''}` }
  if (/^(conv\.conv|(linear_attn|mamba|mixer)\.conv1d)$/.test(base) && ending === 'weight') {
    return [{ ...whole, shape: [found.shape[0], found.shape[2]] }]
  }
  if (/\.[qkv]_conv1d$/.test(base)) return [{ ...whole, shape: [1, ...found.shape] }]
  if (/^(mamba|mixer)\.(A_log|D)$/.test(base)) return [{ ...whole, shape: [...found.shape, 1] }]
  if (base === 'mamba.norm' || base === 'mixer.norm') {
    const groups = Number(config.mamba_n_groups ?? config.n_groups)
    return [{ ...whole, shape: [groups, found.shape[0] / groups] }]
  }
  const isTurned = NEIGHBOURS.includes(String(config.model_type)) && /^self_attn\.[qk]_proj$/.test(base)
  return [isTurned ? neighbouring(whole, headsOf(config, base)) : whole]
}

/** Whether a block of Ling 3 ends a group of layers, or is in a group that is not whole. */
function isLatent(block: string, config: Config): boolean {
  const [layer, group] = [Number(block.split('.')[1]), Number(config.layer_group_size)]
  return (layer + 1) % group === 0 || layer >= Math.floor(Number(config.num_hidden_layers) / group) * group
}

/** Matrices of keys, transposed, and of values, each of all heads. */
function ofHeads(found: NamedTensor, block: string, config: Config): NamedTensor[] {
  const [rows, rank] = found.shape
  const [heads, plain] = [Number(config.num_attention_heads), Number(config.qk_nope_head_dim)]
  const all = { ...found, shape: [heads, rows / heads, rank] }
  const keys = takeRows(all, (row) => row, plain)
  const values = takeRows(all, (row) => plain + row, rows / heads - plain)
  return [
    { ...transposed(keys), name: `${block}attn_k_b.weight` },
    { ...values, name: `${block}attn_v_b.weight` },
  ]
}

function headsOf(config: Config, base: string): number {
  const queries = Number(config.num_attention_heads)
  return base === 'self_attn.q_proj' ? queries : Number(config.num_key_value_heads ?? queries)
}

/** Rows [heads, 2, half] in the order [heads, half, 2]. */
function neighbouring(t: NamedTensor, heads: number): NamedTensor {
  const half = t.shape[0] / heads / 2
  const isBias = t.shape.length === 1
  const moved = takeRows(
    isBias ? { ...t, shape: [t.shape[0], 1] } : t,
    (row) => {
      const [head, i] = [Math.floor(row / (2 * half)), row % (2 * half)]
      return head * 2 * half + (i % 2) * half + (i >> 1)
    },
    t.shape[0],
  )
  return { ...moved, shape: t.shape }
}

/** Picks rows of each matrix [.., rows, columns]. */
function takeRows(t: NamedTensor, rowOf: (row: number) => number, count: number): NamedTensor {
  const [rows, cols] = t.shape.slice(-2)
  const matrices = t.values.length / (rows * cols)
  const values = new Float32Array(matrices * count * cols)
  for (let m = 0; m < matrices; m++) {
    for (let i = 0; i < count; i++) {
      const from = (m * rows + rowOf(i)) * cols
      values.set(t.values.subarray(from, from + cols), (m * count + i) * cols)
    }
  }
  return { ...t, shape: [...t.shape.slice(0, -2), count, cols], values }
}

/** Exchanges rows and columns of each matrix [experts, rows, columns]. */
function transposed(t: NamedTensor): NamedTensor {
  const [experts, rows, cols] = t.shape
  const values = new Float32Array(t.values.length)
  for (let e = 0; e < experts; e++) {
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < cols; c++) values[(e * cols + c) * rows + r] = t.values[(e * rows + r) * cols + c]
    }
  }
  return { ...t, shape: [experts, cols, rows], values }
}

function stacked(name: string, parts: NamedTensor[]): NamedTensor {
  const values = new Float32Array(parts.length * parts[0].values.length)
  for (const [i, part] of parts.entries()) values.set(part.values, i * part.values.length)
  return { name, shape: [parts.length, ...parts[0].shape], values }
}

/** Hugging Face's blocks and scales of gpt-oss in ggml's layout: the scale, then bytes of elements i and i + 16. */
function mxfp4Tensors(stored: ReadonlyMap<string, NamedTensor>): NamedTensor[] {
  const out: NamedTensor[] = []
  for (const [key, blocks] of stored) {
    if (!key.endsWith('_blocks')) continue
    const scales = stored.get(key.replace(/_blocks$/, '_scales')) as NamedTensor
    const [, block, kind] = /layers\.(\d+)\.mlp\.experts\.(\w+)_proj_blocks$/.exec(key) as RegExpExecArray
    const [experts, rows, perRow] = blocks.shape
    const sides = kind === 'down' ? (['down'] as const) : (['gate', 'up'] as const)
    for (const [n, side] of sides.entries()) {
      const step = sides.length
      const mxfp4 = new Uint8Array((experts * rows * perRow * 17) / step)
      let at = 0
      for (let row = n; row < experts * rows; row += step) {
        for (let b = row * perRow; b < (row + 1) * perRow; b++, at += 17) {
          mxfp4[at] = scales.values[b]
          const level = (i: number) => (blocks.values[16 * b + (i >> 1)] >> (4 * (i & 1))) & 15
          for (let i = 0; i < 16; i++) mxfp4[at + 1 + i] = level(i) | (level(i + 16) << 4)
        }
      }
      const shape = [experts, rows / step, 32 * perRow]
      out.push({ name: `blk.${block}.ffn_${side}_exps.weight`, shape, values: new Float32Array(0), mxfp4 })
    }
  }
  return out
}
