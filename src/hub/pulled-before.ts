import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { isNote } from '../packing/format/companions.js'
import type { Quant } from '../packing/format/formats.js'
import { openPackedFile } from '../packing/format/packed-file.js'
import { packedFileName } from '../packing/format/packed-folder.js'

/** A packed model that an earlier pull has left. */
export interface PulledBefore {
  /** The packed file. */
  path: string
  bytes: number
  /** Repository that it came from. */
  repo: string
  commit: string
  quant: Quant
}

/** The packed model in a folder of a pulled one, by what its file says of itself; undefined where there is none. */
export async function findPulledBefore(folder: string, quant: Quant): Promise<PulledBefore | undefined> {
  const path = join(folder, packedFileName(quant))
  const file = await openPackedFile(path).catch(() => undefined)
  if (file?.metadata.sourceRevision === undefined) return undefined
  const { source: repo, sourceRevision: commit, files = {} } = file.metadata
  // Without what the model needs beside its weights it is pulled again.
  const needed = Object.keys(files).filter((name) => !isNote(name))
  if (!needed.every((name) => existsSync(join(folder, name)))) return undefined
  const bytes = [...file.parts.values()].reduce((end, part) => Math.max(end, part.offset + part.bytes), 0)
  return { path, bytes, repo, commit, quant }
}
