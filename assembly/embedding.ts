/*
 * Rows of the embedding table, times a factor, one item per token.
 *
 * Table row: floats in f32; in q8 a bfloat16 scale and 32 int8 for each 32 columns.
 * Arguments: EmbeddingArg (src/kernels/abi/products.ts).
 */
import { TableBlockBytes, TILE_COLUMNS, WeightCode } from '../src/kernels/abi/formats'
import { EmbeddingArg } from '../src/kernels/abi/products'
import { arg, argf } from './control'
import { fromBfloat16 } from './half'

export function embedding(_chunk: u32): void {
  const columns: usize = arg(EmbeddingArg.columns)
  const table: usize = arg(EmbeddingArg.table)
  const scale = argf(EmbeddingArg.scale)
  for (let token: u32 = 0; token < arg(EmbeddingArg.tokens); token++) {
    const id: usize = load<u32>(arg(EmbeddingArg.ids) + (token << 2))
    const x = arg(EmbeddingArg.output) + token * (columns << 2)
    if (arg(EmbeddingArg.format) == WeightCode.f32) memory.copy(x, table + id * (columns << 2), columns << 2)
    else decodeRow(table + id * (columns / TILE_COLUMNS) * TableBlockBytes.q8, x, columns)
    if (scale != 1) for (let c: usize = 0; c < columns; c++) store<f32>(x + (c << 2), load<f32>(x + (c << 2)) * scale)
  }
}

function decodeRow(row: usize, x: usize, columns: usize): void {
  const end = x + (columns << 2)
  for (; x < end; x += TableBlockBytes.f32, row += TableBlockBytes.q8) {
    const scale = fromBfloat16(load<u16>(row))
    for (let c: usize = 0; c < <usize>TILE_COLUMNS; c++) store<f32>(x + (c << 2), scale * <f32>load<i8>(row + c, 2))
  }
}
