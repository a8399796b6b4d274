import { UsageError } from '../ground/errors.js'
import { option, phrase } from '../ground/message.js'
import { layoutOf } from '../model/families/index.js'
import type { Quant } from '../model/packing/format/formats.js'
import type { WithCalibration } from '../model/packing/write/calibrate.js'
import type { PullCalibration } from './hub/pulled-model.js'
import { loadModel } from './load-model.js'
import { isCalibratedWith, TextCalibration } from './rounding/text-calibration.js'
import type { CalibrationText } from './rounding/text-windows.js'

/** Texts to calibrate with; with `true` the model writes one. */
export type CalibrationTexts = true | readonly CalibrationText[]

export interface CalibrationOptions {
  threads: number
  signal?: AbortSignal
}

/** Throws a UsageError if there is no text, or if the packing has no weights that inputs could decide. */
export function checkCalibration(calibrate: CalibrationTexts, quant: Quant = 'q4'): void {
  if (quant !== 'q4')
    throw new UsageError(phrase`${option('calibrate')} changes only q4: ${quant} loses next to nothing`)
  if (calibrate !== true && calibrate.length === 0) throw new UsageError(phrase`${option('calibrate')} needs a text`)
}

/** Reads texts, or a text that the model writes, with the packed model in a folder. */
export function calibrationOf(calibrate: CalibrationTexts, { threads, signal }: CalibrationOptions): WithCalibration {
  return async (folder, work) => {
    const model = await loadModel(folder, { threads, signal })
    try {
      const { parts } = layoutOf(model.config, model.info.formats)
      const texts = calibrate === true ? undefined : calibrate
      return await work(await TextCalibration.begin(model, parts, texts, signal))
    } finally {
      await model.dispose()
    }
  }
}

export function pullCalibration(calibrate: CalibrationTexts, options: CalibrationOptions): PullCalibration {
  const texts = calibrate === true ? undefined : calibrate
  return { withCalibration: calibrationOf(calibrate, options), isIn: (record) => isCalibratedWith(record, texts) }
}
