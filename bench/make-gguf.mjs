// Writes a GGUF file of a published shape with random weights, to compare llama.cpp with molm.
//
//   node bench/make-gguf.mjs SHAPE OUT.gguf      SHAPE: one of `molm bench --shape`, of a family that llama.cpp has
//
// Matrices are Q4_0 (4.5 bits per weight, like molm's q4); norms and routers are F32. Embeddings are large and the
// outputs of blocks small, so that random routers spread tokens evenly over the experts.
import { randomFillSync } from 'node:crypto'
import { closeSync, openSync, writeSync } from 'node:fs'
import { publishedShape } from '../dist/architectures/published-shapes.js'

const [shape, out] = process.argv.slice(2)
if (!shape || !out) throw new Error('usage: node bench/make-gguf.mjs SHAPE OUT.gguf')
const config = publishedShape(shape)
const { raw, modelType, vocabSize: V, width: D, layers: L, heads: H, keyValueHeads: K, headSize, ffnHidden: F } = config
const [{ experts, topK }] = config.mixtures
const E = experts[0]
const NAMES = { granitemoe: 'granitemoe', olmoe: 'olmoe', qwen3_moe: 'qwen3moe', mixtral: 'llama' }
const arch = NAMES[modelType]
if (!arch) throw new Error(`llama.cpp has no ${modelType}`)

/** GGUF's ids of types, with the weights and bytes of a block. */
const F32 = { type: 0, block: 1, bytes: 4 }
const Q4_0 = { type: 2, block: 32, bytes: 18 }

const tensors = []
const add = (name, dims, format, scale) => tensors.push({ name, dims, format, scale })
add('token_embd.weight', [D, V], Q4_0, 30)
add('output_norm.weight', [D], F32, 1)
if (!config.tieWordEmbeddings) add('output.weight', [D, V], Q4_0, 1)
for (let l = 0; l < L; l++) {
  const blk = (name) => `blk.${l}.${name}.weight`
  add(blk('attn_norm'), [D], F32, 1)
  add(blk('attn_q'), [D, H * headSize], Q4_0, 1)
  add(blk('attn_k'), [D, K * headSize], Q4_0, 1)
  add(blk('attn_v'), [D, K * headSize], Q4_0, 1)
  add(blk('attn_output'), [H * headSize, D], Q4_0, 0.1)
  if (modelType === 'olmoe') for (const name of ['attn_q_norm', 'attn_k_norm']) add(blk(name), [H * headSize], F32, 1)
  if (modelType === 'qwen3_moe') for (const name of ['attn_q_norm', 'attn_k_norm']) add(blk(name), [headSize], F32, 1)
  add(blk('ffn_norm'), [D], F32, 1)
  add(blk('ffn_gate_inp'), [D, E], F32, 0.03)
  add(blk('ffn_gate_exps'), [D, F, E], Q4_0, 1)
  add(blk('ffn_up_exps'), [D, F, E], Q4_0, 1)
  add(blk('ffn_down_exps'), [F, D, E], Q4_0, 0.1)
}
const count = ({ dims }) => dims.reduce((a, b) => a * b, 1)
const bytesOf = (tensor) => (count(tensor) / tensor.format.block) * tensor.format.bytes

const text = (value) => {
  const bytes = Buffer.from(value)
  const size = Buffer.alloc(8)
  size.writeBigUInt64LE(BigInt(bytes.length))
  return Buffer.concat([size, bytes])
}
const number = (value, bytes) => {
  const buffer = Buffer.alloc(bytes)
  if (bytes === 8) buffer.writeBigUInt64LE(BigInt(value))
  else buffer.writeUInt32LE(value)
  return buffer
}
const float = (value) => {
  const buffer = Buffer.alloc(4)
  buffer.writeFloatLE(value)
  return buffer
}
const pairs = []
const u32 = (key, value) => pairs.push(Buffer.concat([text(key), number(4, 4), number(value, 4)]))
const f32 = (key, value) => pairs.push(Buffer.concat([text(key), number(6, 4), float(value)]))
const string = (key, value) => pairs.push(Buffer.concat([text(key), number(8, 4), text(value)]))
const list = (key, type, items) =>
  pairs.push(Buffer.concat([text(key), number(9, 4), number(type, 4), number(items.length, 8), ...items]))

string('general.architecture', arch)
string('general.name', `random ${shape}`)
u32('general.file_type', 2)
u32('general.quantization_version', 2)
const own = (key) => `${arch}.${key}`
u32(own('vocab_size'), V)
u32(own('context_length'), 8192)
u32(own('embedding_length'), D)
u32(own('block_count'), L)
u32(own('feed_forward_length'), F)
u32(own('attention.head_count'), H)
u32(own('attention.head_count_kv'), K)
u32(own('attention.key_length'), headSize)
u32(own('attention.value_length'), headSize)
u32(own('rope.dimension_count'), headSize)
f32(own('rope.freq_base'), config.rope.theta)
f32(own('attention.layer_norm_rms_epsilon'), config.epsilon)
u32(own('expert_count'), E)
u32(own('expert_used_count'), topK)
if (modelType === 'qwen3_moe') u32(own('expert_feed_forward_length'), F)
if (modelType === 'granitemoe') {
  f32(own('embedding_scale'), raw.embedding_multiplier)
  f32(own('residual_scale'), raw.residual_multiplier)
  f32(own('attention.scale'), raw.attention_multiplier)
  f32(own('logit_scale'), raw.logits_scaling)
}
// A byte-level vocabulary: 256 bytes, and meaningless words.
const printable = [...Array(256).keys()].filter((b) => (b > 32 && b < 127) || (b > 160 && b !== 173))
const bytes = [...printable, ...Array.from({ length: 256 - printable.length }, (_, i) => 256 + i)]
const words = Array.from({ length: V - 257 }, (_, i) => `Ġt${i}`)
const tokens = [...bytes.map((code) => String.fromCodePoint(code)), ...words, '<|end|>']
string('tokenizer.ggml.model', 'gpt2')
string('tokenizer.ggml.pre', 'gpt-2')
list('tokenizer.ggml.tokens', 8, tokens.map(text))
list(
  'tokenizer.ggml.token_type',
  5,
  tokens.map((_, i) => number(i === V - 1 ? 3 : 1, 4)),
)
list('tokenizer.ggml.merges', 8, [text('Ġ t')])
u32('tokenizer.ggml.bos_token_id', V - 1)
u32('tokenizer.ggml.eos_token_id', V - 1)

const ALIGNMENT = 32
const padding = (size) => Buffer.alloc((ALIGNMENT - (size % ALIGNMENT)) % ALIGNMENT)
let offset = 0
const infos = tensors.map((tensor) => {
  const { name, dims, format } = tensor
  const at = offset
  offset += Math.ceil(bytesOf(tensor) / ALIGNMENT) * ALIGNMENT
  return Buffer.concat([
    text(name),
    number(dims.length, 4),
    ...dims.map((n) => number(n, 8)),
    number(format.type, 4),
    number(at, 8),
  ])
})
const head = Buffer.concat([
  Buffer.from('GGUF'),
  number(3, 4),
  number(tensors.length, 8),
  number(pairs.length, 8),
  ...pairs,
  ...infos,
])
const file = openSync(out, 'w')
writeSync(file, head)
writeSync(file, padding(head.length))
const BLOCKS = 1 << 20
const pool = randomFillSync(Buffer.alloc(BLOCKS * 18))
for (const tensor of tensors) {
  if (tensor.format === F32) {
    const values = Float32Array.from({ length: count(tensor) }, () =>
      tensor.dims.length === 1 ? 1 : (Math.random() - 0.5) * 4 * tensor.scale,
    )
    writeSync(file, Buffer.from(values.buffer))
  } else {
    const scales = Buffer.from(new Uint16Array([half(0.007 * tensor.scale)]).buffer)
    for (let b = 0; b < BLOCKS; b++) scales.copy(pool, b * 18)
    for (let left = bytesOf(tensor); left > 0; ) left -= writeSync(file, pool, 0, Math.min(left, pool.length))
  }
  writeSync(file, padding(bytesOf(tensor)))
}
closeSync(file)
console.log(`${out}: ${(offset / 1e9).toFixed(2)} GB`)

/** IEEE half-precision bits of a positive normal number. */
function half(value) {
  const exponent = Math.floor(Math.log2(value))
  return ((exponent + 15) << 10) | Math.round((value / 2 ** exponent - 1) * 1024)
}
