/** Tensors of the sources of a piece, by GGUF's names; in a layer they follow `blk.N.`. */
export interface PieceNames {
  /** For each source the names that its tensor has had, the current one first. */
  sources: readonly (readonly string[])[]
  /** One tensor with the rows of all sources, one after the other, that some files have instead. */
  joined?: string
  /** For experts: tensors with one expert each, `{e}` for its number, that old files have instead. */
  single?: readonly string[]
  /** The one tensor that the sources are parts of, as they are in a checkpoint; for files without the first source. */
  whole?: string
  /** The tensors that sources of several are parts of, by the ends of their names in a checkpoint. */
  wholes?: Readonly<Record<string, string>>
}

const named = (...sources: string[]): PieceNames => ({ sources: sources.map((name) => [name]) })
const partsOf = (whole: string): PieceNames => ({ sources: [], whole })

/** Pieces of parts outside the layers, by part and piece. */
export const OUTER_PIECES: Readonly<Record<string, PieceNames>> = {
  'embedding/table': named('token_embd.weight'),
  'final/norm.weight': { sources: [['output_norm.weight', 'token_embd_norm.weight']] },
  'lm_head/weight': { sources: [['output.weight', 'token_embd.weight']] },
}

/** Pieces that every token of a layer needs. */
export const DENSE_PIECES: Readonly<Record<string, PieceNames>> = {
  'norm1.weight': named('attn_norm.weight'),
  'norm2.weight': { sources: [['ffn_norm.weight', 'post_attention_norm.weight']] },
  'norm1.after': named('post_attention_norm.weight'),
  'norm2.after': named('post_ffw_norm.weight'),
  'norm3.weight': named('pre_ffw_norm_2.weight'),
  'dense.norm': named('post_ffw_norm_1.weight'),
  'mlp.norm': named('post_ffw_norm_2.weight'),
  'layer.scale': named('layer_output_scale.weight'),
  // The last one is for gated attention. Without a tensor of their own, gates are in the tensor of the queries.
  'qkv.weight': {
    sources: [['attn_q.weight'], ['attn_k.weight'], ['attn_v.weight'], ['attn_gate.weight', 'attn_q.weight']],
    joined: 'attn_qkv.weight',
  },
  'qkv.bias': {
    sources: [['attn_q.bias'], ['attn_k.bias'], ['attn_v.bias'], ['attn_gate.bias', 'attn_q.bias']],
    joined: 'attn_qkv.bias',
  },
  'q.down.weight': named('attn_q_a.weight'),
  'q.down.bias': named('attn_q_a.bias'),
  'q.down.norm': named('attn_q_a_norm.weight'),
  'q.weight': { sources: [['attn_q.weight', 'attn_q_b.weight']] },
  'latent.weight': named('attn_kv_a_mqa.weight'),
  'latent.bias': named('attn_kv_a_mqa.bias'),
  'latent.norm': named('attn_kv_a_norm.weight'),
  // Of all heads; old files have the tensor of the checkpoint.
  'latent.keys': { ...named('attn_k_b.weight'), whole: 'attn_kv_b.weight' },
  'latent.values': { ...named('attn_v_b.weight'), whole: 'attn_kv_b.weight' },
  'latent.gates': named('attn_gate.weight'),
  'output.weight': named('attn_output.weight'),
  'output.bias': named('attn_output.bias'),
  q_norm: named('attn_q_norm.weight'),
  k_norm: named('attn_k_norm.weight'),
  sinks: named('attn_sinks.weight'),
  'conv.in.weight': partsOf('shortconv.in_proj.weight'),
  'conv.in.bias': partsOf('shortconv.in_proj.bias'),
  'conv.taps': partsOf('shortconv.conv.weight'),
  'conv.bias': named('shortconv.conv.bias'),
  'conv.output.weight': named('shortconv.out_proj.weight'),
  'conv.output.bias': named('shortconv.out_proj.bias'),
  'delta.in.weight': {
    sources: [
      ['attn_qkv.weight', 'ssm_in.weight'],
      ['attn_gate.weight', 'ssm_in.weight'],
    ],
  },
  'delta.scalars.weight': {
    sources: [
      ['ssm_beta.weight', 'ssm_ba.weight'],
      ['ssm_alpha.weight', 'ssm_ba.weight'],
    ],
  },
  'delta.own.weight': named(...['attn_q.weight', 'attn_k.weight', 'attn_v.weight', 'ssm_f_a.weight', 'ssm_g_a.weight']),
  'delta.decays.down': named('ssm_f_a.weight'),
  'delta.decays.up': named('ssm_f_b.weight'),
  'delta.gates.down': named('ssm_g_a.weight'),
  'delta.gates.up': named('ssm_g_b.weight'),
  'delta.taps': {
    ...partsOf('ssm_conv1d.weight'),
    wholes: {
      'q_conv1d.weight': 'ssm_conv1d_q.weight',
      'k_conv1d.weight': 'ssm_conv1d_k.weight',
      'v_conv1d.weight': 'ssm_conv1d_v.weight',
    },
  },
  'delta.rates': named('ssm_a'),
  'delta.bias': named('ssm_dt.bias'),
  'delta.norm': named('ssm_norm.weight'),
  'delta.output.weight': { sources: [['ssm_out.weight', 'attn_output.weight']] },
  'mamba.in.weight': partsOf('ssm_in.weight'),
  'mamba.steps.weight': partsOf('ssm_in.weight'),
  'mamba.taps': partsOf('ssm_conv1d.weight'),
  'mamba.conv.bias': named('ssm_conv1d.bias'),
  'mamba.dt_bias': named('ssm_dt.bias'),
  'mamba.rates': named('ssm_a'),
  'mamba.D': named('ssm_d'),
  'mamba.norm.weight': partsOf('ssm_norm.weight'),
  'mamba.output.weight': named('ssm_out.weight'),
  'mlp.router.logits.weight': named('ffn_gate_inp.weight'),
  'mlp.router.bias': named('ffn_gate_inp.bias'),
  'mlp.router.norm.weight': partsOf('ffn_gate_inp.scale'),
  'mlp.router.scales': named('ffn_down_exps.scale'),
  'mlp.router.selection': { sources: [['exp_probs_b.bias', 'exp_probs_b']] },
  'shared.gate_up': { ...named('ffn_gate_shexp.weight', 'ffn_up_shexp.weight'), whole: 'ffn_up_shexp.weight' },
  'shared.down': named('ffn_down_shexp.weight'),
  'shared.gate': named('ffn_gate_inp_shexp.weight'),
  'dense.gate_up': named('ffn_gate.weight', 'ffn_up.weight'),
  'dense.down': named('ffn_down.weight'),
}

/** Pieces of an expert. A tensor has all experts of a layer. */
export const EXPERT_PIECES: Readonly<Record<string, PieceNames>> = {
  gate_up: {
    ...named('ffn_gate_exps.weight', 'ffn_up_exps.weight'),
    joined: 'ffn_gate_up_exps.weight',
    single: ['ffn_gate.{e}.weight', 'ffn_up.{e}.weight'],
  },
  'gate_up.bias': { ...named('ffn_gate_exps.bias', 'ffn_up_exps.bias'), joined: 'ffn_gate_up_exps.bias' },
  down: { ...named('ffn_down_exps.weight'), single: ['ffn_down.{e}.weight'] },
  'down.bias': named('ffn_down_exps.bias'),
}
