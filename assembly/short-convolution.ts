/*
 * Causal convolution, channel by channel, with a filter of n taps over neighbouring tokens.
 *
 *   y_t = bias + w_0 v_(t-n+1) + ... + w_(n-1) v_t
 *
 *   gated: v_t = B_t X_t, out_t = C_t y_t      silu: out_t = silu(y_t)      plain: out_t = y_t
 *
 * The last tap meets the present token. A sequence's state is its n - 1 latest v, oldest first: [n - 1, channels] floats,
 * padded as the rows. Before the first token they are zeros.
 *
 * The tokens of a micro-batch may belong to several sequences: a table of segments has the rows of each, and the
 * addresses of its state. v stays in the rows, if gated in the columns of B, so that the host can read the state after
 * any row.
 *
 * A chunk is a range of blocks of TILE_COLUMNS channels. It walks each segment's tokens one after the other. Taps are
 * added oldest first, so a result depends neither on the batch nor on how the text was split.
 *
 * Arguments: ShortConvolutionArg (src/kernels/abi/states.ts). Padding of the outputs is set to zero. Bit-identical
 * in all tiers.
 */
import { Activation, TILE_COLUMNS } from '../src/kernels/abi/formats'
import { ConvolutionForm, ShortConvolutionArg, STATE_SEGMENT_BYTES, StateSegment } from '../src/kernels/abi/states'
import { activate } from './activation'
import { arg } from './control'
import { quantizeBlocks } from './quantize'
import { zero } from './softmax-sums'

/** Bytes of a block of channels. */
const BLOCK: usize = (<usize>TILE_COLUMNS) << 2

export function shortConvolution(chunk: u32): void {
  const from: usize = chunk * arg(ShortConvolutionArg.chunkBlocks) * BLOCK
  const to = min(from + arg(ShortConvolutionArg.chunkBlocks) * BLOCK, <usize>arg(ShortConvolutionArg.blockBytes))
  for (let block = from; block < to; block += BLOCK) {
    for (let i: u32 = 0; i < arg(ShortConvolutionArg.count); i++) {
      walk(arg(ShortConvolutionArg.segments) + i * STATE_SEGMENT_BYTES, block)
    }
  }
}

/** Computes the channels of a block, which begin at byte `block` of a row, for all tokens of a segment. */
function walk(segment: usize, block: usize): void {
  const stride: usize = arg(ShortConvolutionArg.inputStride)
  const blockBytes: usize = arg(ShortConvolutionArg.blockBytes)
  const first: usize = load<u32>(segment, StateSegment.first)
  const count: usize = load<u32>(segment, StateSegment.count)
  const before = load<u32>(segment, StateSegment.before) + block
  const after = load<u32>(segment, StateSegment.after) + block
  const past: usize = arg(ShortConvolutionArg.taps) - 1
  const v = arg(ShortConvolutionArg.input) + first * stride + block
  for (let t: usize = 0; t < count; t++) {
    const row = v + t * stride
    if (arg(ShortConvolutionArg.form) == ConvolutionForm.gated) multiply(row, row + 2 * blockBytes)
    convolve(v, t, before, arg(ShortConvolutionArg.output) + (first + t) * arg(ShortConvolutionArg.outputStride), block)
  }
  // Number i of the new state is number i + count of the old state and the new tokens together. In rising order, so that
  // the new state may replace the old one.
  for (let i: usize = 0; i < past; i++) {
    const from = i + count < past ? before + (i + count) * blockBytes : v + (i + count - past) * stride
    copyBlock(from, after + i * blockBytes)
  }
  if (arg(ShortConvolutionArg.records) == 0) return
  const size: usize = arg(ShortConvolutionArg.recordedBytes)
  const part = block / size
  const at = (block - part * size) >> 7
  for (let t = first; t < first + count; t++) {
    const out = arg(ShortConvolutionArg.output) + t * arg(ShortConvolutionArg.outputStride) + part * size
    const record =
      arg(ShortConvolutionArg.records) + (t * (blockBytes / size) + part) * arg(ShortConvolutionArg.recordStride)
    quantizeBlocks(out, record, size >> 2, at, at + 1)
  }
}

/** b *= x, for the channels of a block. */
function multiply(b: usize, x: usize): void {
  if (ASC_FEATURE_SIMD) {
    for (let i: usize = 0; i < BLOCK; i += 16) v128.store(b + i, f32x4.mul(v128.load(b + i), v128.load(x + i)))
  } else {
    for (let i: usize = 0; i < BLOCK; i += 4) store<f32>(b + i, load<f32>(b + i) * load<f32>(x + i))
  }
}

/**
 * Computes a block of the output row `out` for token `t` of a segment, whose v begin at `v` and whose state is at
 * `before`.
 */
function convolve(v: usize, t: usize, before: usize, out: usize, block: usize): void {
  const stride: usize = arg(ShortConvolutionArg.inputStride)
  const blockBytes: usize = arg(ShortConvolutionArg.blockBytes)
  const taps: usize = arg(ShortConvolutionArg.taps)
  const bias: usize = arg(ShortConvolutionArg.bias)
  const y = out + block
  if (bias != 0) copyBlock(bias + block, y)
  else zero(y, BLOCK)
  let weight = arg(ShortConvolutionArg.weights) + block
  for (let j: usize = 1; j <= taps; j++, weight += blockBytes) {
    const from = t + j < taps ? before + (t + j - 1) * blockBytes : v + (t + j - taps) * stride
    addProduct(y, weight, from)
  }
  const form = arg(ShortConvolutionArg.form)
  if (form == ConvolutionForm.gated) multiply(y, v + t * stride + blockBytes)
  else if (form == ConvolutionForm.silu) activate(Activation.silu, y, TILE_COLUMNS)
  const end = out + ((<usize>arg(ShortConvolutionArg.channels)) << 2)
  for (let p = max(end, y); p < y + BLOCK; p += 4) store<f32>(p, 0)
}

function copyBlock(from: usize, to: usize): void {
  if (ASC_FEATURE_SIMD) for (let i: usize = 0; i < BLOCK; i += 16) v128.store(to + i, v128.load(from + i))
  else for (let i: usize = 0; i < BLOCK; i += 8) store<u64>(to + i, load<u64>(from + i))
}

/** y += w v, for the channels of a block. */
function addProduct(y: usize, w: usize, v: usize): void {
  if (ASC_FEATURE_SIMD) {
    for (let i: usize = 0; i < BLOCK; i += 16) {
      v128.store(y + i, f32x4.add(v128.load(y + i), f32x4.mul(v128.load(w + i), v128.load(v + i))))
    }
  } else {
    for (let i: usize = 0; i < BLOCK; i += 4) {
      store<f32>(y + i, load<f32>(y + i) + load<f32>(w + i) * load<f32>(v + i))
    }
  }
}
