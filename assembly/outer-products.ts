/*
 * Gradients of matrices: G += sum over the rows of a list of dy x^T, for several matrices (groups) of one shape, each
 * with its own list. G has f32 tiles like the weights (tile-f32.ts), so that the optimiser takes both as plain arrays.
 *
 * A chunk is a range of rows of one group, for all rows of its list. Every element is one sum in the order of the list,
 * whatever its chunk is.
 *
 * Arguments: OuterArg (src/kernels/abi/products.ts). Padding of dy and x must be finite; if it is zero, padding of G
 * stays zero. Bit-identical in all tiers.
 */
import { GROUP_BYTES, Group, LIST_ENTRY_BYTES, OuterArg } from '../src/kernels/abi/products'
import { arg } from './control'

export function outerProducts(chunk: u32): void {
  const perGroup = arg(OuterArg.chunksPerGroup)
  const step = arg(OuterArg.chunkRows)
  const columns: usize = arg(OuterArg.columns)
  const rows = (arg(OuterArg.rows) + 7) & ~7
  const group: usize = arg(OuterArg.groups) + (chunk / perGroup) * GROUP_BYTES
  const from = (chunk % perGroup) * step
  const to = min(from + step, rows)
  const gradient: usize = load<u32>(group, Group.weights)
  const list: usize = load<u32>(group, Group.list)
  const end = list + load<u32>(group, Group.count) * LIST_ENTRY_BYTES
  for (let row = from; row < to; row += 8) {
    // Eight rows of a matrix of floats take 32 bytes per column.
    const band = gradient + (<usize>row >> 3) * (columns << 5)
    for (let column: usize = 0; column < columns; column += 4) {
      addFour(band + (column << 5), row << 2, column << 2, list, end)
    }
  }
}

/** Adds to eight rows of four columns at g. `output` and `input` are byte offsets of rows for a list's entries. */
function addFour(g: usize, output: usize, input: usize, list: usize, end: usize): void {
  const outputs = arg(OuterArg.outputs) + output
  const outputStride = arg(OuterArg.outputStride)
  const outputField: usize = arg(OuterArg.outputField)
  const inputs = arg(OuterArg.inputs) + input
  const inputStride = arg(OuterArg.inputStride)
  const inputField: usize = arg(OuterArg.inputField)
  if (ASC_FEATURE_SIMD) {
    let a0 = v128.load(g)
    let a1 = v128.load(g, 16)
    let b0 = v128.load(g, 32)
    let b1 = v128.load(g, 48)
    let c0 = v128.load(g, 64)
    let c1 = v128.load(g, 80)
    let d0 = v128.load(g, 96)
    let d1 = v128.load(g, 112)
    for (; list < end; list += LIST_ENTRY_BYTES) {
      const dy: usize = outputs + load<u32>(list + outputField) * outputStride
      const x: usize = inputs + load<u32>(list + inputField) * inputStride
      const dy0 = v128.load(dy)
      const dy1 = v128.load(dy, 16)
      let value = v128.load32_splat(x)
      a0 = f32x4.add(a0, f32x4.mul(dy0, value))
      a1 = f32x4.add(a1, f32x4.mul(dy1, value))
      value = v128.load32_splat(x, 4)
      b0 = f32x4.add(b0, f32x4.mul(dy0, value))
      b1 = f32x4.add(b1, f32x4.mul(dy1, value))
      value = v128.load32_splat(x, 8)
      c0 = f32x4.add(c0, f32x4.mul(dy0, value))
      c1 = f32x4.add(c1, f32x4.mul(dy1, value))
      value = v128.load32_splat(x, 12)
      d0 = f32x4.add(d0, f32x4.mul(dy0, value))
      d1 = f32x4.add(d1, f32x4.mul(dy1, value))
    }
    v128.store(g, a0)
    v128.store(g, a1, 16)
    v128.store(g, b0, 32)
    v128.store(g, b1, 48)
    v128.store(g, c0, 64)
    v128.store(g, c1, 80)
    v128.store(g, d0, 96)
    v128.store(g, d1, 112)
  } else {
    for (; list < end; list += LIST_ENTRY_BYTES) {
      const dy: usize = outputs + load<u32>(list + outputField) * outputStride
      const x: usize = inputs + load<u32>(list + inputField) * inputStride
      for (let c: usize = 0; c < 4; c++) {
        const value = load<f32>(x + (c << 2))
        for (let r: usize = 0; r < 32; r += 4) {
          const at = g + (c << 5) + r
          store<f32>(at, load<f32>(at) + load<f32>(dy + r) * value)
        }
      }
    }
  }
}
