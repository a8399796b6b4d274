import type { FileSet } from '../../ground/files/byte-source.js'
import type { Quant } from '../../model/packing/format/formats.js'
import type { CalibrationRecord } from '../../model/packing/format/packed-metadata.js'
import type { WithCalibration } from '../../model/packing/write/calibrate.js'
import type { PackMatrix } from '../../model/packing/write/pack.js'
import type { PackSource, ReadBlueprint } from '../../model/packing/write/pack-source.js'

/** A checkpoint or GGUF file to open, and the format to pack it in. */
export interface SourceRequest {
  /** Default: q4 for a checkpoint, and the formats that it has for a GGUF file. */
  quant?: Quant
  /** A GGUF file in place of a checkpoint, and the files whose notes go with it: model card, licences. */
  gguf?: { file: string; notes: FileSet }
}

/** Resources of this computer that a pull uses. */
export interface PullPlace {
  folder: string
  freeMemory: number
  /** Opens the weights in a folder of a repository, or of its copy in the cache, for packing. */
  openSource(files: FileSet, request: SourceRequest): Promise<PackSource>
  readBlueprint: ReadBlueprint
  calibration?: PullCalibration
  withPacker<T>(work: (pack: PackMatrix) => Promise<T>): Promise<T>
}

/** Calibration of a model that is pulled. */
export interface PullCalibration {
  withCalibration: WithCalibration
  /** Whether a packed file has been calibrated with the same texts. */
  isIn(record: CalibrationRecord | undefined): boolean
}
