import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { isNote } from '../../model/packing/format/companions.js'
import { isSameFormats, type PartFormats, type Quant } from '../../model/packing/format/formats.js'
import { openPackedFile, type PackedFile } from '../../model/packing/format/packed-file.js'
import { packedFileName } from '../../model/packing/format/packed-folder.js'
import type { CalibrationRecord } from '../../model/packing/format/packed-metadata.js'
import type { WithCalibration } from '../../model/packing/write/calibrate.js'

export interface PullCalibration {
  withCalibration: WithCalibration
  /** Whether a packed file has been calibrated with the same texts. */
  isIn(record: CalibrationRecord | undefined): boolean
}

/** Resources of this computer that a pull uses. */
export interface PullPlace {
  folder: string
  /** Bytes of memory that this process may take. */
  freeMemory: number
  threads: number
  calibration?: PullCalibration
}

export interface PulledModel {
  path: string
  bytes: number
  /** Repository that it came from, with the tag of a GGUF file: `owner/name-GGUF:Q4_K_M`. */
  repo: string
  commit: string
  quant: Quant
  /** Whether it was here already, at this commit. */
  wasHere: boolean
  /** Lines for the user about the checkpoint. */
  warnings: string[]
}

/** The model that an earlier pull left in a folder, if it has the formats and the calibration wanted. */
export async function findPulledModel(
  folder: string,
  quant: Quant,
  { formats, calibration }: { formats?: PartFormats; calibration?: PullCalibration } = {},
): Promise<PulledModel | undefined> {
  const path = join(folder, packedFileName(quant))
  const file = await openPackedFile(path).catch(() => undefined)
  if (file?.metadata.sourceRevision === undefined) return undefined
  if (calibration && !calibration.isIn(file.metadata.calibration)) return undefined
  if (formats && !isSameFormats(formats, file.metadata.formats)) return undefined
  const { source: repo, sourceRevision: commit } = file.metadata
  // A model that lacks files beside its weights is pulled again.
  if (!hasCompanions(folder, file)) return undefined
  const bytes = [...file.parts.values()].reduce((end, part) => Math.max(end, part.offset + part.bytes), 0)
  return { path, bytes, repo, commit, quant, wasHere: true, warnings: [] }
}

/** Whether a folder has the files that go with packed weights. */
export function hasCompanions(folder: string, { metadata }: PackedFile): boolean {
  const needed = Object.keys(metadata.files).filter((name) => !isNote(name))
  return needed.every((name) => existsSync(join(folder, name)))
}
