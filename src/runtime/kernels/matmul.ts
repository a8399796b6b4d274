import { Job } from '../abi/control.js'
import { Activation, TILE_COLUMNS, TILE_ROWS, UNPACKED_TILE_BYTES, WeightCode } from '../abi/formats.js'
import { MatmulArg } from '../abi/products.js'
import { fusesVectors } from '../compiler/compile.js'
import type { Bank } from '../memory/bank.js'
import { type ActivationName, padded, roundUp, type WeightFormat } from '../memory/formats.js'
import { Rows } from '../memory/rows.js'
import { Call, recordsOf } from './call.js'

export interface MatmulShape {
  format: WeightFormat
  /** Activations, [.., inputs of each matrix]. Their records are read unless the format is f32. */
  input: Rows
  /** [.., outputs of each matrix]. Where it has records, they are written as well. */
  output: Rows
  /** Applied to the output; identity without one. */
  activation?: ActivationName
  /**
   * The matrices have rows for gate and up, 32 of each in turn, and the output is activation(gate) * up: half as many
   * columns as the matrices have rows. Default false.
   */
  gated?: boolean
  /** Factor of the output. Default 1. */
  scale?: number
}

/** Multiplications below which a chunk is over before another thread could have joined. */
const LEAST_WORK = 16384

/** Fewer rows would leave each half of a chunk (assembly/matmul.ts) a single band, too short for the prefetcher. */
const LEAST_ROWS = 32

/**
 * Activation rows of a matrix from which on unpacking its 4-bit weights pays (assembly/tile-q4-unpacked.ts): for fewer,
 * reading them takes longer than what computing gains.
 */
const UNPACKING_PAYS = 16
/** More rows than a list can have. */
const NEVER = 0xffffffff

/** Grouped matrix product: several matrices of one shape, each with its own list of activation rows. */
export class Matmul extends Call<typeof MatmulArg> {
  private readonly columns: number
  /** Outputs of a matrix as it is stored. */
  private readonly rows: number
  /** What the rows of a chunk are a multiple of. */
  private readonly step: number

  constructor(
    bank: Bank,
    { format, input, output, activation = 'identity', gated = false, scale = 1 }: MatmulShape,
    private readonly threads: number,
  ) {
    super(bank, Job.matmul, MatmulArg)
    this.columns = padded(input.columns)
    const product = gated ? ungatedFor(bank, output) : output
    this.rows = roundUp(product.columns, TILE_ROWS)
    this.step = gated ? 2 * TILE_COLUMNS : output.hasRecords ? TILE_COLUMNS : TILE_ROWS
    const unpacks = format === 'q4' && fusesVectors(bank.module)
    this.bind(
      {
        format: WeightCode[format],
        columns: this.columns,
        rows: product.columns,
        input: format === 'f32' ? input.address : input.records,
        inputStride: format === 'f32' ? input.strideBytes : input.recordBytes,
        output: product.address,
        outputStride: product.strideBytes,
        ...(gated && { gated: output.address, gatedStride: output.strideBytes }),
        activation: Activation[activation],
        ...recordsOf(output),
        recordColumns: padded(output.columns),
        ...(unpacks && { unpacked: scratchFor(bank, this.columns, threads) }),
        unpackFrom: unpacks ? UNPACKING_PAYS : NEVER,
      },
      { scale },
    )
  }

  /**
   * Runs the first `groups` groups of the table at address `table` (see groups.ts). `work` is the number of activation
   * rows in all of them together.
   */
  run(table: number, groups: number, work: number): void {
    const chunkRows = this.chunkRows(groups, work)
    const chunksPerGroup = Math.ceil(this.rows / chunkRows)
    this.set(MatmulArg.groups, table)
    this.set(MatmulArg.chunksPerGroup, chunksPerGroup)
    this.set(MatmulArg.chunkRows, chunkRows)
    this.start(groups * chunksPerGroup)
  }

  /**
   * Rows of a chunk: some sixteen chunks a thread, so that nobody waits long for the last one, but none below LEAST_WORK
   * or LEAST_ROWS.
   */
  private chunkRows(groups: number, work: number): number {
    const { rows, columns, step, threads } = this
    const share = (rows * groups) / (threads * 16)
    const least = (LEAST_WORK * groups) / (Math.max(work, 1) * columns)
    const wanted = threads === 1 ? rows : Math.max(share, least, LEAST_ROWS)
    return Math.min(roundUp(Math.max(wanted, 1), step), roundUp(rows, step))
  }
}

/** A range of each bank that the calls of one sort share: as large as the largest that was asked for. */
type SharedRanges = WeakMap<Bank, { address: number; bytes: number }>

/** Address of `bytes` bytes at least. A smaller range stays as it is: calls are bound to it. */
function sharedRange(ranges: SharedRanges, bank: Bank, bytes: number): number {
  const former = ranges.get(bank)
  if (former && former.bytes >= bytes) return former.address
  const address = bank.arena.allocate(bytes)
  ranges.set(bank, { address, bytes })
  return address
}

/** Rows for the products before they are gated. */
const ungated: SharedRanges = new WeakMap()

function ungatedFor(bank: Bank, { count, columns }: Rows): Rows {
  const stride = 2 * padded(columns)
  return new Rows(bank, sharedRange(ungated, bank, count * stride * 4), count, stride, stride)
}

/** Scratch for unpacked 4-bit weights. */
const scratches: SharedRanges = new WeakMap()

function scratchFor(bank: Bank, columns: number, threads: number): number {
  return sharedRange(scratches, bank, (columns / TILE_COLUMNS) * UNPACKED_TILE_BYTES * threads)
}
