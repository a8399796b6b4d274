import { join } from 'node:path'
import { UserError } from '../../ground/errors.js'
import { expandHome } from '../../ground/files/home.js'
import type { Quant } from '../../model/packing/format/formats.js'
import { isSameFile, packingsIn } from '../../model/packing/format/packed-folder.js'

/** The folder for a new model. Rejects with a UserError if it holds a model and the user has not given --force. */
export async function freeFolder(out: string, { force }: { force?: boolean }): Promise<string> {
  const folder = expandHome(out)
  const { quants } = await packingsIn(folder)
  if (quants.length === 0 || force) return folder
  throw holdsModel(out, quants)
}

/**
 * The folder for a packing of the checkpoint in the folder `checkpoint`. It may hold other packings of that checkpoint,
 * since none of them is replaced. Rejects with a UserError as `freeFolder` does otherwise.
 */
export async function folderForPacking(
  out: string,
  { checkpoint, quant, force }: { checkpoint: string; quant: Quant; force?: boolean },
): Promise<string> {
  const folder = expandHome(out)
  const { quants } = await packingsIn(folder)
  if (quants.length === 0 || force) return folder
  const isOfCheckpoint = await isSameFile(join(folder, 'config.json'), join(checkpoint, 'config.json'))
  if (isOfCheckpoint && !quants.includes(quant)) return folder
  throw holdsModel(out, quants)
}

function holdsModel(out: string, quants: readonly Quant[]): UserError {
  return new UserError(`${out}: holds a model already (${quants.join(', ')}); give another folder, or --force`)
}
