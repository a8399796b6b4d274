import { join } from 'node:path'
import { UserError } from '../../ground/errors.js'
import { expandHome } from '../../ground/files/home.js'
import type { Quant } from '../../model/packing/format/formats.js'
import { isSameFile, packingsIn } from '../../model/packing/format/packed-folder.js'

interface OutOptions {
  force?: boolean
  /** A packing of a checkpoint may be added to the folder of other packings of the same checkpoint. */
  packing?: { checkpoint: string; quant: Quant }
}

/** The folder for a new model. Rejects with a UserError if it holds a model and the user has not given --force. */
export async function freeFolder(out: string, { force, packing }: OutOptions): Promise<string> {
  const folder = expandHome(out)
  const { quants } = await packingsIn(folder)
  if (quants.length === 0 || force) return folder
  const isNew = packing && !quants.includes(packing.quant)
  if (isNew && (await isSameFile(join(folder, 'config.json'), join(packing.checkpoint, 'config.json')))) return folder
  throw new UserError(`${out}: holds a model already (${quants.join(', ')}); give another folder, or --force`)
}
