import { TILE_COLUMNS, TILE_ROWS } from '#molm/kernels/abi/formats.js'
import { blockOf, bytesOf, isBlockType } from '#molm/model/checkpoint/dtype.js'
import { packedBytes } from '#molm/model/packing/format/formats.js'
import { type PackMatrix, type PackRequest, packedRows } from '#molm/model/packing/write/pack.js'
import { decodeBlock } from './block-decoder.js'
import { elementReader } from './element-values.js'

/** Plain reference implementation of docs/FORMAT.md: f32 for every kind, and q8 for tables. */
export const referencePack: PackMatrix = async (request) => {
  const { kind, format, rows, cols } = request
  const weight = weightReader(request)
  const out = new DataView(new ArrayBuffer(packedBytes(kind, format, packedRows(request), cols)))
  if (format === 'q8' && kind === 'rows') packRowsQ8(request, weight, out)
  else if (format !== 'f32') throw new Error(`the reference does not pack ${kind} in ${format}`)
  else {
    const place = kind === 'matrix' ? tilePlace(cols) : rowPlace(cols)
    // Alternating rows are separated: 32 of the even ones, then 32 of the odd ones.
    const rowOf = (r: number) => (request.alternating ? (r & ~63) + (r % 2) * 32 + ((r & 63) >> 1) : r)
    for (let r = 0; r < rows; r++) for (let c = 0; c < cols; c++) out.setFloat32(place(rowOf(r), c), weight(r, c), true)
  }
  return { bytes: new Uint8Array(out.buffer), nonFinite: countNonFinite(rows, cols, weight) }
}

function countNonFinite(rows: number, cols: number, weight: (r: number, c: number) => number): number {
  let count = 0
  for (let r = 0; r < rows; r++) for (let c = 0; c < cols; c++) if (!Number.isFinite(weight(r, c))) count++
  return count
}

/** A packer that marks every byte as written, for tests of sizes and positions rather than contents. */
export const markingPack: PackMatrix = async (request) => ({
  bytes: new Uint8Array(packedBytes(request.kind, request.format, packedRows(request), request.cols)).fill(0xff),
  nonFinite: 0,
})

/** Byte of an f32 weight in tiles of 8 rows x 32 columns, column after column. */
function tilePlace(cols: number): (r: number, c: number) => number {
  const tiles = Math.ceil(cols / TILE_COLUMNS)
  return (r, c) => {
    const tile = Math.floor(r / TILE_ROWS) * tiles + Math.floor(c / TILE_COLUMNS)
    return 4 * (tile * TILE_ROWS * TILE_COLUMNS + (c % TILE_COLUMNS) * TILE_ROWS + (r % TILE_ROWS))
  }
}

function rowPlace(cols: number): (r: number, c: number) => number {
  const padded = Math.ceil(cols / TILE_COLUMNS) * TILE_COLUMNS
  return (r, c) => 4 * (r * padded + c)
}

function packRowsQ8({ rows, cols }: PackRequest, weight: (r: number, c: number) => number, out: DataView): void {
  let at = 0
  for (let r = 0; r < rows; r++) {
    for (let c0 = 0; c0 < cols; c0 += TILE_COLUMNS, at += 34) {
      const block = Array.from({ length: TILE_COLUMNS }, (_, i) => (c0 + i < cols ? weight(r, c0 + i) : 0))
      const scale = bfloat16(Math.max(...block.map(Math.abs)) / 127)
      out.setUint16(at, scale.bits, true)
      for (const [i, w] of block.entries()) {
        out.setInt8(at + 2 + i, scale.value === 0 ? 0 : Math.max(-127, Math.min(127, Math.round(w / scale.value))))
      }
    }
  }
}

function bfloat16(value: number): { bits: number; value: number } {
  const view = new DataView(new ArrayBuffer(4))
  view.setFloat32(0, value)
  const bits = (view.getUint32(0) + 0x8000) >>> 16
  view.setUint32(0, bits << 16)
  return { bits, value: view.getFloat32(0) }
}

function weightReader(request: PackRequest): (r: number, c: number) => number {
  const { bytes, dtype, firstElement, rowStride, colStride } = request
  const at = (r: number, c: number) => firstElement + r * rowStride + c * colStride
  if (isBlockType(dtype)) {
    const { elements } = blockOf(dtype)
    const block = new Float32Array(elements)
    let decoded = -1
    return (r, c) => {
      const inBlock = at(r, c) % elements
      const first = at(r, c) - inBlock
      if (first !== decoded) decodeBlock(dtype, bytes, bytesOf(dtype, first), block, 0)
      decoded = first
      return block[inBlock]
    }
  }
  const element = elementReader(dtype, bytes)
  return (r, c) => element(bytesOf(dtype, at(r, c)))
}
