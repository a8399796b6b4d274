/*
 * Grouped product with the transposes of packed matrices: from the gradients of a product's outputs to the
 * gradients of its inputs, dx = W^T dy. Groups, lists and packed weights are as in the product (matmul.ts); the rows dy
 * and dx are floats. Weights in q8 and q4 are multiplied as floats.
 *
 * A chunk is a range of columns of one group, for all rows of its list. 8 columns of up to PANEL_ROWS rows are unpacked
 * into a panel of the thread (unpack-columns.ts), which then serves every row of the list: unpacking costs as much as
 * two to four rows of the product. Every output element is one sum in the order of the rows, whatever its chunk and the
 * other rows are.
 *
 * Arguments: TransposedArg (src/kernels/abi/training.ts). Bit-identical in all tiers.
 */
import { GROUP_BYTES, Group, LIST_ENTRY_BYTES, ListEntry } from '../src/kernels/abi/products'
import { PANEL_BYTES, PANEL_ROWS, TransposedArg } from '../src/kernels/abi/training'
import { arg, thread } from './control'
import { formatOf, weightsOf } from './matrix-groups'
import { bandBytes } from './tile-bytes'
import { unpackColumns } from './unpack-columns'

export function transposedMatmul(chunk: u32): void {
  const perGroup = arg(TransposedArg.chunksPerGroup)
  const step = arg(TransposedArg.chunkColumns)
  const inputs = arg(TransposedArg.columns)
  const columns = (inputs + 31) & ~31
  const rows = (arg(TransposedArg.rows) + 7) & ~7
  const group: usize = arg(TransposedArg.groups) + (chunk / perGroup) * GROUP_BYTES
  const from = (chunk % perGroup) * step
  const to = min(from + step, columns)
  const format = formatOf(group, arg(TransposedArg.format))
  const weights = weightsOf(group)
  const list: usize = load<u32>(group, Group.list)
  const count = load<u32>(group, Group.count)
  const band = bandBytes(format, columns)
  const panel: usize = arg(TransposedArg.panels) + thread * PANEL_BYTES
  for (let column = from; column < to; column += 8) {
    for (let row: u32 = 0; row < rows; row += PANEL_ROWS) {
      const n = min(<u32>PANEL_ROWS, rows - row)
      unpackColumns(format, weights + (row >> 3) * band, band, column, n, panel)
      if (column + 8 > inputs) clearColumns(panel, n, inputs > column ? inputs - column : 0)
      multiply(panel, n, list, count, row << 2, column << 2, row > 0 || arg(TransposedArg.adds) != 0)
    }
  }
}

/** Clears the columns of a panel from `first` on: not all formats have a zero for padding. */
function clearColumns(panel: usize, n: usize, first: usize): void {
  for (let i: usize = 0; i < n; i++) memory.fill(panel + (i << 5) + (first << 2), 0, 32 - (first << 2))
}

/** Multiplies the rows of a list with a panel of n x 8 weights. `input` and `output` are byte offsets in the rows. */
function multiply(panel: usize, n: usize, list: usize, count: u32, input: usize, output: usize, adds: bool): void {
  const fours = count & ~3
  for (let i: u32 = 0; i < fours; i += 4, list += 4 * LIST_ENTRY_BYTES) {
    const b = list + LIST_ENTRY_BYTES
    const c = b + LIST_ENTRY_BYTES
    const d = c + LIST_ENTRY_BYTES
    multiplyFour(
      panel,
      n,
      inputOf(list) + input,
      inputOf(b) + input,
      inputOf(c) + input,
      inputOf(d) + input,
      outputOf(list) + output,
      outputOf(b) + output,
      outputOf(c) + output,
      outputOf(d) + output,
      adds,
    )
  }
  for (let i = fours; i < count; i++, list += LIST_ENTRY_BYTES) {
    multiplyOne(panel, n, inputOf(list) + input, outputOf(list) + output, adds)
  }
}

function inputOf(entry: usize): usize {
  return arg(TransposedArg.input) + load<u32>(entry, ListEntry.input) * arg(TransposedArg.inputStride)
}

function outputOf(entry: usize): usize {
  return arg(TransposedArg.output) + load<u32>(entry, ListEntry.output) * arg(TransposedArg.outputStride)
}

function multiplyFour(
  panel: usize,
  n: usize,
  a: usize,
  b: usize,
  c: usize,
  d: usize,
  outA: usize,
  outB: usize,
  outC: usize,
  outD: usize,
  adds: bool,
): void {
  if (ASC_FEATURE_SIMD) {
    const zero = f32x4.splat(0)
    let a0 = adds ? v128.load(outA) : zero
    let a1 = adds ? v128.load(outA, 16) : zero
    let b0 = adds ? v128.load(outB) : zero
    let b1 = adds ? v128.load(outB, 16) : zero
    let c0 = adds ? v128.load(outC) : zero
    let c1 = adds ? v128.load(outC, 16) : zero
    let d0 = adds ? v128.load(outD) : zero
    let d1 = adds ? v128.load(outD, 16) : zero
    const end = panel + (n << 5)
    for (; panel < end; panel += 32, a += 4, b += 4, c += 4, d += 4) {
      const w0 = v128.load(panel)
      const w1 = v128.load(panel, 16)
      let x = v128.load32_splat(a)
      a0 = f32x4.add(a0, f32x4.mul(w0, x))
      a1 = f32x4.add(a1, f32x4.mul(w1, x))
      x = v128.load32_splat(b)
      b0 = f32x4.add(b0, f32x4.mul(w0, x))
      b1 = f32x4.add(b1, f32x4.mul(w1, x))
      x = v128.load32_splat(c)
      c0 = f32x4.add(c0, f32x4.mul(w0, x))
      c1 = f32x4.add(c1, f32x4.mul(w1, x))
      x = v128.load32_splat(d)
      d0 = f32x4.add(d0, f32x4.mul(w0, x))
      d1 = f32x4.add(d1, f32x4.mul(w1, x))
    }
    v128.store(outA, a0)
    v128.store(outA, a1, 16)
    v128.store(outB, b0)
    v128.store(outB, b1, 16)
    v128.store(outC, c0)
    v128.store(outC, c1, 16)
    v128.store(outD, d0)
    v128.store(outD, d1, 16)
  } else {
    multiplyOne(panel, n, a, outA, adds)
    multiplyOne(panel, n, b, outB, adds)
    multiplyOne(panel, n, c, outC, adds)
    multiplyOne(panel, n, d, outD, adds)
  }
}

function multiplyOne(panel: usize, n: usize, a: usize, out: usize, adds: bool): void {
  if (ASC_FEATURE_SIMD) {
    const zero = f32x4.splat(0)
    let a0 = adds ? v128.load(out) : zero
    let a1 = adds ? v128.load(out, 16) : zero
    const end = panel + (n << 5)
    for (; panel < end; panel += 32, a += 4) {
      const x = v128.load32_splat(a)
      a0 = f32x4.add(a0, f32x4.mul(v128.load(panel), x))
      a1 = f32x4.add(a1, f32x4.mul(v128.load(panel, 16), x))
    }
    v128.store(out, a0)
    v128.store(out, a1, 16)
  } else {
    for (let c: usize = 0; c < 32; c += 4) {
      let sum = adds ? load<f32>(out + c) : <f32>0
      for (let i: usize = 0; i < n; i++) sum += load<f32>(panel + (i << 5) + c) * load<f32>(a + (i << 2))
      store<f32>(out + c, sum)
    }
  }
}
