import type { Piece } from '../packing/format/layout.js'
import { TILE_ROWS, TileBytes } from '../runtime/abi/formats.js'

/** Bias of the norm before attention: a part that all tokens have in common, too small to matter to the routers. */
const NORM_BIAS = 0.09

/** Formats whose levels can be made negative, by a change of each of their bytes. */
const NEGATIVE: Partial<Record<Piece['format'], (byte: number) => number>> = {
  q8: (byte) => byte | 0x80,
  // A level is a nibble less 8.
  q4: (byte) => byte & 0x77,
}

/**
 * Changes random weights so that the stick of stick-breaking attention lasts for thousands of keys. Its logits must be
 * clearly negative for every query and key. The keys of MoLM are the outputs of a norm, whose mean is its bias: here a
 * small positive number. Weights of queries become negative and make a larger negative number of it, so that logits are
 * about -8. What differs between tokens is about as large as before. Other pieces stay as they are.
 */
export function lengthenSticks({ kind, name, format, cols }: Piece, bytes: Uint8Array): void {
  if (kind === 'vector' && name === 'ln_1.bias') {
    new Float32Array(bytes.buffer, bytes.byteOffset, cols).fill(NORM_BIAS)
  }
  const negative = NEGATIVE[format]
  if (!negative || name !== 'query') return
  for (let at = 0; at < bytes.length; at += TileBytes[format]) {
    // Two bytes a row are scales.
    for (let i = 2 * TILE_ROWS; i < TileBytes[format]; i++) bytes[at + i] = negative(bytes[at + i])
  }
}
