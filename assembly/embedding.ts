/*
 * Rows of the embedding table, one item a token.
 *
 * Table row of `padded` columns: F32: floats; Q8: for each 32 columns a bfloat16 scale and 32 int8 (34 bytes).
 * Arguments: 0 format   1 padded columns   2 table   3 token ids (u32)   4 tokens   5 x: rows of `padded` floats
 */
import { arg } from './control'
import { fromBfloat16 } from './half'
import { F32 } from './matmul'

export function embedding(_chunk: u32): void {
  const padded: usize = arg(1)
  for (let token: u32 = 0; token < arg(4); token++) {
    const id: usize = load<u32>(arg(3) + (token << 2))
    const x = arg(5) + token * (padded << 2)
    if (arg(0) == F32) memory.copy(x, arg(2) + id * (padded << 2), padded << 2)
    else decodeRow(arg(2) + id * (padded >> 5) * 34, x, padded)
  }
}

function decodeRow(row: usize, x: usize, padded: usize): void {
  for (let c: usize = 0; c < padded; c += 32, row += 34) {
    const scale = fromBfloat16(load<u16>(row))
    for (let i: usize = 0; i < 32; i++) store<f32>(x + ((c + i) << 2), scale * <f32>load<i8>(row + i, 2))
  }
}
