import { Job } from '../abi/control.js'
import { PackKind, SourceType, WeightCode } from '../abi/formats.js'
import { PACK_CHUNK_ROWS, PackArg } from '../abi/products.js'
import type { Bank } from '../memory/bank.js'
import type { SourceFormat, WeightFormat } from '../memory/formats.js'
import { Call } from './call.js'

/** Rows of weights in a checkpoint, and the format to pack them in. */
export interface PackShape {
  type: SourceFormat
  /** Index of entry [0, 0], in elements from the source's address. */
  firstElement: number
  rows: number
  cols: number
  /** Distances between neighbours, in elements (bytes of MXFP4_PAIR); 0 repeats the same one. */
  rowStride: number
  colStride: number
  /** Tiles of a matrix, or rows of a table. */
  kind: keyof typeof PackKind
  format: WeightFormat
  /** Chunks of PACK_CHUNK_ROWS rows of the target from one packed chunk to the next. Default: 1. */
  targetStep?: number
  /** Addresses of the second moments of a matrix's inputs, and of scratch (see PackArg). Default: not calibrated. */
  calibration?: { moments: number; room: number }
  /** For MXFP4_PAIR: address of their scales, and bytes from one row of scales to the next. */
  scales?: { address: number; stride: number }
}

/** Quantises weights and packs them into tiles. */
export class Pack extends Call<typeof PackArg> {
  private readonly nonFinite: number

  constructor(bank: Bank) {
    super(bank, Job.pack, PackArg)
    this.nonFinite = bank.arena.allocate(4)
    this.bind({ nonFinite: this.nonFinite })
  }

  /** Packs the weights at address `source` to `target`. Returns the number of weights that are NaN or infinite. */
  run(shape: PackShape, source: number, target: number): number {
    const { type, firstElement, rows, cols, rowStride, colStride, kind, format, targetStep = 1 } = shape
    const { scales, calibration } = shape
    const words = this.bank.u32
    words[this.nonFinite / 4] = 0
    this.set(PackArg.source, source)
    this.set(PackArg.type, SourceType[type])
    this.set(PackArg.firstElement, firstElement)
    this.set(PackArg.rows, rows)
    this.set(PackArg.columns, cols)
    this.set(PackArg.rowStride, rowStride)
    this.set(PackArg.columnStride, colStride)
    this.set(PackArg.target, target)
    this.set(PackArg.format, WeightCode[format])
    this.set(PackArg.kind, PackKind[kind])
    this.set(PackArg.targetStep, targetStep)
    this.set(PackArg.scales, scales?.address ?? 0)
    this.set(PackArg.scaleStride, scales?.stride ?? 0)
    this.set(PackArg.moments, calibration?.moments ?? 0)
    this.set(PackArg.room, calibration?.room ?? 0)
    this.start(kind === 'matrix' ? Math.ceil(rows / PACK_CHUNK_ROWS) : rows)
    return words[this.nonFinite / 4]
  }
}

/** Whether a number type of a tensor, by its name in checkpoints, can be packed. */
export function isSourceFormat(type: string): type is SourceFormat {
  return Object.hasOwn(SourceType, type)
}
