import type { ModelConfig } from '../model/config.js'
import { type Part, pieceOf } from '../packing/layout.js'
import { readTileRows, writeTileRows } from '../packing/tile-rows.js'
import { EXPERT_KINDS, type ExpertKind } from './usage.js'

/** A row of a router: its weights, and its bias where there is one. */
export interface RouterRow {
  weights: Float32Array
  bias: number
}

/** What a part holds experts of, or undefined for all other parts. */
export function expertOf({ name }: Part): { layer: number; kind: ExpertKind; expert: number } | undefined {
  const match = /^layers\.(\d+)\.(attention|mlp)\.(\d+)$/.exec(name)
  const kind = EXPERT_KINDS.find((kind) => kind === match?.[2])
  return match && kind ? { layer: Number(match[1]), kind, expert: Number(match[3]) } : undefined
}

/** The layer whose dense part this is. */
export function denseLayerOf({ name }: Part): number | undefined {
  const match = /^layers\.(\d+)\.dense$/.exec(name)
  return match ? Number(match[1]) : undefined
}

/** Rows of a router, from the bytes of its layer's dense part. */
export function routerRowsOf(part: Part, bytes: Uint8Array, config: ModelConfig, kind: ExpertKind): RouterRow[] {
  const logits = pieceOf(part, logitsName(config, kind))
  const rows = readTileRows(bytesOf(bytes, logits), logits.rows, logits.cols)
  if (!config.gateBias) return rows.map((weights) => ({ weights, bias: 0 }))
  const biases = new Float32Array(bytesOf(bytes, pieceOf(part, `${kind}.router.bias`)).slice().buffer)
  return rows.map((weights, row) => ({ weights, bias: biases[row] }))
}

/** A layer's dense part with other rows in its routers; everything else is copied. */
export function withRouterRows(
  from: { part: Part; bytes: Uint8Array },
  to: { part: Part; config: ModelConfig },
  rows: Record<ExpertKind, RouterRow[]>,
): Uint8Array {
  const made = new Map<string, Uint8Array>()
  for (const kind of EXPERT_KINDS) {
    const name = logitsName(to.config, kind)
    const weights = rows[kind].map((row) => row.weights)
    made.set(name, writeTileRows(weights, pieceOf(to.part, name).cols))
    const biases = Float32Array.from(rows[kind], ({ bias }) => bias)
    made.set(`${kind}.router.bias`, new Uint8Array(biases.buffer))
  }
  const bytes = new Uint8Array(to.part.bytes)
  for (const piece of to.part.pieces) {
    const content = made.get(piece.name) ?? bytesOf(from.bytes, pieceOf(from.part, piece.name))
    bytes.set(content, piece.offset)
  }
  return bytes
}

/** Name of the piece that scores the experts. */
function logitsName({ gateType }: ModelConfig, kind: ExpertKind): string {
  return gateType === 'gmm' ? `${kind}.router.centroids` : `${kind}.router.logits.weight`
}

function bytesOf(part: Uint8Array, { offset, bytes }: { offset: number; bytes: number }): Uint8Array {
  return part.subarray(offset, offset + bytes)
}
