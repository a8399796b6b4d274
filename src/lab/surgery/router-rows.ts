import { type MixtureKind, type ModelConfig, mixtureOf, type PerMixture } from '../../model/config/config.js'
import { readTileRows, writeTileRows } from '../../model/packing/format/formats.js'
import { type Part, pieceOf } from '../../model/packing/format/layout.js'

/** A row of a router: its weights, its biases of the logit and of the choice, and the factor of its expert's gates. */
export interface RouterRow {
  weights: Float32Array
  bias: number
  selection?: number
  scale?: number
}

export function routerRowsOf(part: Part, bytes: Uint8Array, config: ModelConfig, kind: MixtureKind): RouterRow[] {
  const logits = pieceOf(part, logitsName(part, kind))
  const floats = (isIn: boolean | undefined, name: string) =>
    isIn ? new Float32Array(bytesOf(bytes, pieceOf(part, name)).slice().buffer) : new Float32Array()
  const biases = floats(config.gateBias, biasName(kind))
  const { selectionBias, expertScales } = mixtureOf(config, kind)?.routing ?? {}
  const selections = floats(selectionBias, selectionName(kind))
  const scales = floats(expertScales, scalesName(kind))
  return readTileRows(bytesOf(bytes, logits), logits.rows, logits.cols).map((weights, row) => {
    return { weights, bias: biases[row] ?? 0, selection: selections[row] ?? 0, scale: scales[row] ?? 1 }
  })
}

export function withRouterRows(
  from: { part: Part; bytes: Uint8Array },
  to: Part,
  rows: PerMixture<RouterRow[]>,
): Uint8Array {
  const made = new Map<string, Uint8Array>()
  for (const [kind, all] of Object.entries(rows) as [MixtureKind, RouterRow[]][]) {
    const name = logitsName(to, kind)
    const weights = all.map((row) => row.weights)
    made.set(name, writeTileRows(weights, pieceOf(to, name).cols))
    const biases = Float32Array.from(all, ({ bias }) => bias)
    made.set(biasName(kind), new Uint8Array(biases.buffer))
    // Silent rows, which come last, are never chosen.
    const addOfExperts = (piece: string, of: (row: RouterRow) => number) => {
      const experts = to.pieces.find(({ name }) => name === piece)?.cols ?? 0
      made.set(piece, new Uint8Array(Float32Array.from(all.slice(0, experts), of).buffer))
    }
    addOfExperts(selectionName(kind), ({ selection = 0 }) => selection)
    addOfExperts(scalesName(kind), ({ scale = 1 }) => scale)
  }
  const bytes = new Uint8Array(to.bytes)
  for (const piece of to.pieces) {
    const content = made.get(piece.name) ?? bytesOf(from.bytes, pieceOf(from.part, piece.name))
    bytes.set(content, piece.offset)
  }
  return bytes
}

/** Name of the piece that scores the experts: a matrix of logits or of centroids. */
function logitsName({ pieces }: Part, kind: MixtureKind): string {
  const centroids = `${kind}.router.centroids`
  return pieces.some(({ name }) => name === centroids) ? centroids : `${kind}.router.logits.weight`
}

function biasName(kind: MixtureKind): string {
  return `${kind}.router.bias`
}

function selectionName(kind: MixtureKind): string {
  return `${kind}.router.selection`
}

function scalesName(kind: MixtureKind): string {
  return `${kind}.router.scales`
}

function bytesOf(part: Uint8Array, { offset, bytes }: { offset: number; bytes: number }): Uint8Array {
  return part.subarray(offset, offset + bytes)
}
