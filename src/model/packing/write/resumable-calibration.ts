import { rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { WithCalibration } from './calibrate.js'
import type { Conversion } from './convert.js'
import type { PackSource } from './pack-source.js'
import { findLeftovers, packResumably, type ResumableOptions, type ResumablePacking } from './resumable-packing.js'

export interface ResumableCalibration extends Omit<ResumableOptions, 'done' | 'inputsOf'> {
  withCalibration: WithCalibration
}

/** Packs a source again for the inputs of its matrices, in several attempts if need be, and replaces the plain file. */
export async function calibrateResumably(
  source: Pick<PackSource, 'tensors'>,
  plain: ResumablePacking,
  { withCalibration, check, ...options }: ResumableCalibration,
): Promise<Conversion> {
  return withCalibration(dirname(plain.path), async (calibration) => {
    const metadata = { ...plain.metadata, calibration: calibration.record }
    const packing = { ...plain, path: `${plain.path}.calibrated`, metadata }
    const { entries: done } = await findLeftovers(packing, options.signal)
    const conversion = await packResumably(source, packing, {
      ...options,
      done,
      inputsOf: (part, piece) => calibration.inputsOf(part, piece),
      check: async (reads) => {
        metadata.calibration = await calibration.finish()
        await check?.(reads)
      },
    })
    await rename(packing.path, plain.path)
    return { ...conversion, path: plain.path }
  })
}
