import { Job } from '../abi/control.js'
import {
  Activation,
  INTERLEAVED_BLOCK_BYTES,
  INTERLEAVED_ROWS,
  TILE_COLUMNS,
  TILE_ROWS,
  TileBytes,
  UNPACKED_Q4M_BYTES,
  WeightCode,
} from '../abi/formats.js'
import { MatmulArg } from '../abi/products.js'
import { fusesVectors } from '../compiler/compile.js'
import type { Bank } from '../memory/bank.js'
import { type GatedActivationName, padded, roundUp, takesFloats, type WeightFormat } from '../memory/formats.js'
import { Rows } from '../memory/rows.js'
import { Call, recordsOf } from './call.js'
import { LEAST_WORK } from './chunks.js'

export interface MatmulShape {
  /** Format of the matrices whose addresses name no other (see withFormat). */
  format: WeightFormat
  /** Activations, [.., inputs of each matrix]. Their records are read unless the format takes floats. */
  input: Rows
  /** [.., outputs of each matrix]. Its records are written if it has any. */
  output: Rows
  /** Applied to the output; `clamped_swiglu` only if it is gated. Default: identity. */
  activation?: GatedActivationName
  /**
   * Whether the matrices, and their biases, have rows for gate and up, 32 of each in turn. The output is then
   * activation(gate) * up, with half as many columns as the matrices have rows. Default: false.
   */
  gated?: boolean
  /** Factor of the output. Default: 1. */
  scale?: number
  /** Factor of the activated output, unless it is gated. Default: 1. */
  activatedScale?: number
}

/** With fewer rows each half of a chunk (assembly/matmul.ts) would be a single band, too short for the prefetcher. */
const LEAST_ROWS = 32

/** Grouped matrix product: several matrices of one shape, each with its own list of activation rows. */
export class Matmul extends Call<typeof MatmulArg> {
  private readonly columns: number
  /** Outputs of a matrix, padded to whole tiles. */
  private readonly rows: number
  private readonly input: Rows
  /** The rows of a chunk are a multiple of this. */
  private readonly step: number

  constructor(
    bank: Bank,
    { format, input, output, activation = 'identity', gated = false, scale = 1, activatedScale = 1 }: MatmulShape,
    private readonly threads: number,
  ) {
    super(bank, Job.matmul, MatmulArg)
    this.input = input
    this.columns = padded(input.columns)
    const product = gated ? ungatedFor(bank, output) : output
    this.rows = roundUp(product.columns, TILE_ROWS)
    this.step = gated ? 2 * TILE_COLUMNS : output.hasRecords ? TILE_COLUMNS : TILE_ROWS
    const isFloat = takesFloats(format)
    const blocks = this.columns / TILE_COLUMNS
    const unpackedTile = format === 'mxfp4_f32' ? 2 * TileBytes.f32 : isFloat ? 0 : UNPACKED_Q4M_BYTES
    const fourBytes = blocks * INTERLEAVED_BLOCK_BYTES
    this.bind(
      {
        format: WeightCode[format],
        columns: this.columns,
        rows: product.columns,
        input: isFloat ? input.address : input.records,
        inputStride: isFloat ? input.strideBytes : input.recordBytes,
        output: product.address,
        outputStride: product.strideBytes,
        ...(gated && { gated: output.address, gatedStride: output.strideBytes }),
        activation: Activation[activation],
        ...recordsOf(output),
        recordColumns: padded(output.columns),
        ...(unpackedTile > 0 && { unpacked: sharedRange(scratches, bank, blocks * unpackedTile * threads) }),
        ...(!isFloat && { widened: sharedRange(widenings, bank, blocks * 2 * TileBytes.q4 * threads) }),
        ...(!isFloat && {
          interleaved: sharedRange(interleavings, bank, (INTERLEAVED_ROWS / 4) * fourBytes * threads),
        }),
        fuses: fusesVectors(bank.module) ? 1 : 0,
      },
      { scale, activatedScale },
    )
  }

  /** Runs the first `groups` groups of the table at address `table` (groups.ts), with `work` activation rows in all. */
  run(table: number, groups: number, work: number): void {
    this.bank.productObserver?.(this.input, table, groups)
    const chunkRows = this.chunkRows(groups, work)
    const chunksPerGroup = Math.ceil(this.rows / chunkRows)
    this.set(MatmulArg.groups, table)
    this.set(MatmulArg.chunksPerGroup, chunksPerGroup)
    this.set(MatmulArg.chunkRows, chunkRows)
    this.start(groups * chunksPerGroup)
  }

  /**
   * Rows of a chunk. There are some sixteen chunks per thread, so that none waits long for the last one, but none is
   * below LEAST_WORK or LEAST_ROWS.
   */
  private chunkRows(groups: number, work: number): number {
    const { rows, columns, step, threads } = this
    const share = (rows * groups) / (threads * 16)
    const least = (LEAST_WORK * groups) / (Math.max(work, 1) * columns)
    const wanted = threads === 1 ? rows : Math.max(share, least, LEAST_ROWS)
    return Math.min(roundUp(Math.max(wanted, 1), step), roundUp(rows, step))
  }
}

/** One range per bank that all calls of a kind share, as large as the largest that was requested. */
type SharedRanges = WeakMap<Bank, { address: number; bytes: number }>

/** Address of at least `bytes` bytes. A smaller range stays allocated, because calls are bound to it. */
function sharedRange(ranges: SharedRanges, bank: Bank, bytes: number): number {
  const former = ranges.get(bank)
  if (former && former.bytes >= bytes) return former.address
  const address = bank.arena.allocate(bytes)
  ranges.set(bank, { address, bytes })
  return address
}

/** Rows of products that are not gated yet. */
const ungated: SharedRanges = new WeakMap()

function ungatedFor(bank: Bank, { count, columns }: Rows): Rows {
  const stride = 2 * padded(columns)
  return new Rows(bank, sharedRange(ungated, bank, count * stride * 4), count, stride, stride)
}

/** Scratch for unpacked 4-bit weights. */
const scratches: SharedRanges = new WeakMap()

/** Scratch for 3-bit and 2-bit weights that are widened to 4 bits. */
const widenings: SharedRanges = new WeakMap()

/** Scratch for interleaved activations. */
const interleavings: SharedRanges = new WeakMap()
