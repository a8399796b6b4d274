import { CALIBRATION_ROOM } from '../../kernels/abi/products.js'
import { isSourceFormat, Pack, type PackShape } from '../../kernels/calls/pack.js'
import { SecondMoments } from '../../kernels/calls/second-moments.js'
import type { Bank } from '../../kernels/memory/bank.js'
import { isMxfp4, packedBytes, takesInputs } from '../../model/packing/format/formats.js'
import { BLOCK } from '../../model/packing/format/pieces.js'
import { type MatrixInputs, type PackRequest, packedRows } from '../../model/packing/write/pack.js'

/** Packs rows of weights on the threads of a bank. */
export class Packer {
  private source = { address: 0, bytes: 0 }
  private target = { address: 0, bytes: 0 }
  private readonly call: Pack
  private readonly moments: SecondMoments
  /** The matrix whose inputs came last, and the addresses of their moments and of scratch. */
  private calibrated?: { of: string; moments: number; room: number }

  constructor(
    private readonly bank: Bank,
    private readonly threads = 1,
  ) {
    this.call = new Pack(bank)
    this.moments = new SecondMoments(bank, threads)
  }

  /** Packs the rows of a request into a new buffer. */
  pack(request: PackRequest): { bytes: Uint8Array; nonFinite: number } {
    const { bytes, scales, kind, format, cols, inputs } = request
    const isCalibrated = kind === 'matrix' && takesInputs(format)
    const calibration = inputs && isCalibrated ? this.calibrationFor(inputs, cols) : undefined
    const size = packedBytes(kind, format, packedRows(request), cols)
    const source = this.room('source', bytes.length + (scales?.bytes.length ?? 0))
    const target = this.room('target', size)
    const scalesAt = source + bytes.length
    this.bank.u8.set(bytes, source)
    if (scales) this.bank.u8.set(scales.bytes, scalesAt)
    const shape: PackShape = {
      ...request,
      type: sourceFormatOf(request),
      // A vector is a table of one row.
      kind: kind === 'matrix' ? kind : 'rows',
      scales: scales && { address: scalesAt, stride: scales.rowStride },
      calibration,
    }
    const nonFinite = request.alternating
      ? this.packAlternating(shape, source, target, size)
      : this.call.run(shape, source, target)
    return { bytes: this.bank.u8.slice(target, target + size), nonFinite }
  }

  /** Finds the moments of a matrix's inputs. A large matrix comes in several requests, one after the other. */
  private calibrationFor({ of, rows }: MatrixInputs, columns: number): PackShape['calibration'] {
    if (this.calibrated?.of !== of) {
      const room = this.calibrated?.room ?? this.bank.arena.allocate(CALIBRATION_ROOM * this.threads)
      this.calibrated = { of, moments: this.moments.of(rows, columns), room }
    }
    return this.calibrated
  }

  /** Packs the even rows and then the odd ones, each to every other block of the target. */
  private packAlternating(shape: PackShape, source: number, target: number, size: number): number {
    const { rows, cols, format, rowStride, firstElement, scales } = shape
    // Padding between the blocks is left as it is.
    this.bank.u8.fill(0, target, target + size)
    const half = {
      ...shape,
      rows: rows / 2,
      rowStride: 2 * rowStride,
      targetStep: 2,
      scales: scales && { ...scales, stride: 2 * scales.stride },
    }
    const even = this.call.run(half, source, target)
    const odd = {
      ...half,
      firstElement: firstElement + rowStride,
      scales: scales && { address: scales.address + scales.stride, stride: 2 * scales.stride },
    }
    return even + this.call.run(odd, source, target + packedBytes('matrix', format, BLOCK, cols))
  }

  /** Address of a buffer of at least `bytes`, kept between calls. Sizes double, so that it seldom grows. */
  private room(which: 'source' | 'target', bytes: number): number {
    const former = this[which]
    if (former.bytes < bytes) {
      const size = 2 ** (32 - Math.clz32(Math.max(bytes, 65536) - 1))
      // Forget the former buffer first: if allocating fails, another user may get its memory.
      this[which] = { address: 0, bytes: 0 }
      if (former.bytes > 0) this.bank.arena.release(former.address, former.bytes)
      this[which] = { address: this.bank.arena.allocate(size), bytes: size }
    }
    return this[which].address
  }
}

function sourceFormatOf({ dtype, scales, format }: PackRequest): PackShape['type'] {
  const type = scales ? 'MXFP4_PAIR' : dtype
  const fits = isMxfp4(format) ? type === 'MXFP4_PAIR' || type === 'MXFP4' : type !== 'MXFP4_PAIR'
  if (!fits || !isSourceFormat(type)) throw new Error(`weights of type ${type} cannot be packed in ${format}`)
  return type
}
