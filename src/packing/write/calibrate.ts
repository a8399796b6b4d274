import type { Part, Piece } from '../format/layout.js'
import type { CalibrationRecord } from '../format/packed-metadata.js'
import type { MatrixInputs } from './pack.js'

/** Inputs of a packed model's matrices in a text. */
export interface Calibration {
  /** Account of the text; its number of unseen experts is the highest possible until `finish`. */
  readonly record: CalibrationRecord
  /** Returns the inputs of a matrix, if it is rounded by them. Matrices must be asked for in the order of the layout. */
  inputsOf(part: Part, piece: Piece): Promise<MatrixInputs | undefined>
  /** Completes the account. */
  finish(): Promise<CalibrationRecord>
}

/**
 * Runs `work` with the inputs that the matrices of the packed model in `folder` have in a text. The weights are packed
 * a second time for them.
 */
export type WithCalibration = <T>(folder: string, work: (calibration: Calibration) => Promise<T>) => Promise<T>
