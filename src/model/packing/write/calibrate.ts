import { UserError } from '../../../ground/errors.js'
import { option, phrase } from '../../../ground/message.js'
import { takesInputs } from '../format/formats.js'
import { type Part, type Piece, planLayout, type Source } from '../format/layout.js'
import type { CalibrationRecord } from '../format/packed-metadata.js'
import type { MatrixInputs } from './pack.js'
import type { PackSource } from './pack-source.js'

/** Inputs of a packed model's matrices in a text. */
export interface Calibration {
  /** Account of the text; its number of unseen experts is the highest possible until `finish`. */
  readonly record: CalibrationRecord
  /** Returns the inputs of a matrix, if it is rounded by them. Matrices must be asked for in the order of the layout. */
  inputsOf(part: Part, piece: Piece): Promise<MatrixInputs | undefined>
  finish(): Promise<CalibrationRecord>
}

/** Runs `work` with the inputs of the matrices of the packed model in `folder`, to pack the weights again for them. */
export type WithCalibration = <T>(folder: string, work: (calibration: Calibration) => Promise<T>) => Promise<T>

/** Throws a UserError if inputs decide no weights: all formats lose next to nothing, or keep the levels of a file. */
export function checkTakesInputs(source: PackSource): void {
  if (takesAnyInputs(source)) return
  throw new UserError(
    phrase`${source.name}: ${option('calibrate')} changes only weights that are rounded to q4 or q3, and this packing has none of them`,
  )
}

/** Whether a packing has weights that inputs decide. */
export function takesAnyInputs({ blueprint, tensors, formats }: PackSource): boolean {
  const keeps = ({ tensor }: Source) => tensors.get(tensor.key)?.dtype === 'Q4_0'
  const isRounded = ({ kind, format, sources }: Piece) =>
    kind === 'matrix' && takesInputs(format) && !(format === 'q4' && sources.every(keeps))
  return planLayout(blueprint, formats).parts.some(({ pieces }) => pieces.some(isRounded))
}
