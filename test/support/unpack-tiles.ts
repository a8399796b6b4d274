import { TILE_COLUMNS, TILE_ROWS } from '#molm/kernels/abi/formats.js'
import type { PieceKind, WeightFormat } from '#molm/model/packing/format/formats.js'

/*
 * Plain reference implementation of the packed weights in docs/FORMAT.md, independent of the library.
 */

/** Weights of a packed matrix: rows x cols, row-major. */
export function unpackMatrix(packed: Uint8Array, format: WeightFormat, rows: number, cols: number): Float32Array {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength)
  const tiles = Math.ceil(cols / TILE_COLUMNS)
  const { bytes, weight } = TILES[format]
  return Float32Array.from({ length: rows * cols }, (_, i) => {
    const [r, c] = [Math.floor(i / cols), i % cols]
    const tile = (Math.floor(r / TILE_ROWS) * tiles + Math.floor(c / TILE_COLUMNS)) * bytes
    return weight(view, tile, r % TILE_ROWS, c % TILE_COLUMNS)
  })
}

/** Weights of a packed table: rows x cols, row-major. */
export function unpackRows(packed: Uint8Array, format: 'f32' | 'q8', rows: number, cols: number): Float32Array {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength)
  const blocks = Math.ceil(cols / TILE_COLUMNS)
  return Float32Array.from({ length: rows * cols }, (_, i) => {
    const [r, c] = [Math.floor(i / cols), i % cols]
    if (format === 'f32') return view.getFloat32(4 * (r * blocks * TILE_COLUMNS + c), true)
    const block = (r * blocks + Math.floor(c / TILE_COLUMNS)) * 34
    return bfloat16(view, block) * view.getInt8(block + 2 + (c % TILE_COLUMNS))
  })
}

/** Weights of a piece packed in f32: rows x cols, row-major. */
export function unpackF32(packed: Uint8Array, kind: PieceKind, rows: number, cols: number): Float32Array {
  return (kind === 'matrix' ? unpackMatrix : unpackRows)(packed, 'f32', rows, cols)
}

interface TileFormat {
  bytes: number
  weight: (view: DataView, tile: number, r: number, c: number) => number
}

const TILES: Record<WeightFormat, TileFormat> = {
  f32: { bytes: 1024, weight: (view, tile, r, c) => view.getFloat32(tile + 32 * c + 4 * r, true) },
  q8: {
    bytes: 272,
    weight(view, tile, r, c) {
      // Pairs of columns in each 8: (0,2) (4,6) (1,3) (5,7).
      const pair = 4 * (c >> 3) + 2 * (c & 1) + ((c & 7) >> 2)
      const second = (c >> 1) & 1
      return bfloat16(view, tile + 2 * r) * view.getInt8(tile + 16 + 16 * pair + 2 * r + second)
    },
  },
  q4: {
    bytes: 144,
    weight: (view, tile, r, c) => bfloat16(view, tile + 2 * r) * (nibble(view, tile, r, c) - 8),
  },
  mxfp4: { bytes: 144, weight: mxfp4 },
  mxfp4_f32: { bytes: 144, weight: mxfp4 },
  q4m: {
    bytes: 160,
    weight: (view, tile, r, c) =>
      bfloat16(view, tile + 2 * r) * nibble(view, tile + 16, r, c) + bfloat16(view, tile + 16 + 2 * r),
  },
  q3: {
    bytes: 112,
    weight(view, tile, r, c) {
      // Three bytes a, b, c of each row and column modulo 4, as one number.
      const byte = (i: number) => view.getUint8(tile + 16 + 32 * i + 4 * r + (c % 4))
      const bits = byte(0) | (byte(1) << 8) | (byte(2) << 16)
      const places = [
        [0, 1, 2],
        [3, 4, 5],
        [8, 9, 10],
        [11, 12, 13],
        [16, 17, 18],
        [19, 20, 21],
        [6, 7, 14],
        [22, 23, 15],
      ]
      const level = places[Math.floor(c / 4)].reduce((sum, place, i) => sum | (((bits >> place) & 1) << i), 0)
      return bfloat16(view, tile + 2 * r) * (level - 4)
    },
  },
  q2: {
    bytes: 80,
    weight(view, tile, r, c) {
      const byte = view.getUint8(tile + 16 + 32 * (c >> 4) + 4 * r + (c & 3))
      return bfloat16(view, tile + 2 * r) * (4 * ((byte >> (2 * ((c >> 2) & 3))) & 3) - 7)
    },
  },
}

/** Twice the values of 4-bit floats. */
const DOUBLED = [0, 1, 2, 3, 4, 6, 8, 12, -0, -1, -2, -3, -4, -6, -8, -12]

function mxfp4(view: DataView, tile: number, r: number, c: number): number {
  return bfloat16(view, tile + 2 * r) * DOUBLED[nibble(view, tile, r, c)]
}

function nibble(view: DataView, tile: number, r: number, c: number): number {
  const byte = view.getUint8(tile + 16 + 32 * (c >> 3) + 4 * r + (c & 3))
  return c & 4 ? byte >> 4 : byte & 15
}

const word = new DataView(new ArrayBuffer(4))

function bfloat16(view: DataView, at: number): number {
  word.setUint32(0, view.getUint16(at, true) << 16)
  return word.getFloat32(0)
}
