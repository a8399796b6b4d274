/*
 * Epilogue of a product: bias, factor, activation function or gate, and records for the next product. It runs after the
 * sums of a chunk, while the outputs are still in the cache. `index`: number of the output row.
 */
import { Activation, TILE_COLUMNS } from '../src/kernels/abi/formats'
import { MatmulArg } from '../src/kernels/abi/products'
import { activate, clampUp } from './activation'
import { arg, argf } from './control'
import { quantizeBlocks } from './quantize'

/**
 * Adds the bias and computes act(gate) * up of the rows [from, to) of one product, both multiples of 64, and their
 * records.
 */
export function gate(index: u32, from: u32, to: u32, bias: usize): void {
  const product: usize = arg(MatmulArg.output) + index * arg(MatmulArg.outputStride)
  const out: usize = arg(MatmulArg.gated) + index * arg(MatmulArg.gatedStride)
  const kind = arg(MatmulArg.activation)
  if (bias != 0) addBias(product, from, to, bias)
  for (let r: usize = from; r < to; r += 2 * TILE_COLUMNS) {
    const gates = product + (r << 2)
    const ups = gates + <usize>TILE_COLUMNS * 4
    const target = out + (r << 1)
    activate(kind, gates, TILE_COLUMNS)
    if (kind == Activation.clamped_swiglu) clampUp(ups, TILE_COLUMNS)
    if (ASC_FEATURE_SIMD) {
      for (let i: usize = 0; i < <usize>TILE_COLUMNS * 4; i += 16) {
        v128.store(target + i, f32x4.mul(v128.load(gates + i), v128.load(ups + i)))
      }
    } else {
      for (let i: usize = 0; i < <usize>TILE_COLUMNS * 4; i += 4) {
        store<f32>(target + i, load<f32>(gates + i) * load<f32>(ups + i))
      }
    }
  }
  if (arg(MatmulArg.records) == 0) return
  const record = arg(MatmulArg.records) + index * arg(MatmulArg.recordStride)
  quantizeBlocks(out, record, arg(MatmulArg.recordColumns), from >> 6, to >> 6)
}

/** Adds a bias to the rows [from, to) of one output. */
function addBias(out: usize, from: usize, to: usize, bias: usize): void {
  for (let i = from << 2; i < to << 2; i += 4) store<f32>(out + i, load<f32>(out + i) + load<f32>(bias + i))
}

function multiply(out: usize, from: u32, to: u32, factor: f32): void {
  if (factor != 1) for (let p = out + (from << 2); p < out + (to << 2); p += 4) store<f32>(p, load<f32>(p) * factor)
}

/** Applies bias, factors, activation function and quantisation to the rows [from, to) of one output. */
export function finish(index: u32, from: u32, to: u32, rows: u32, bias: usize): void {
  const out: usize = arg(MatmulArg.output) + index * arg(MatmulArg.outputStride)
  if (bias != 0) addBias(out, from, to, bias)
  multiply(out, from, to, argf(MatmulArg.scale))
  activate(arg(MatmulArg.activation), out + (from << 2), to - from)
  multiply(out, from, to, argf(MatmulArg.activatedScale))
  if (arg(MatmulArg.records) != 0) {
    const columns = arg(MatmulArg.recordColumns)
    let end = to
    if (to == rows) for (; end < columns; end++) store<f32>(out + (end << 2), 0)
    quantizeBlocks(out, arg(MatmulArg.records) + index * arg(MatmulArg.recordStride), columns, from >> 5, end >> 5)
  }
}
