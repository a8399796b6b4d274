import { UserError } from '../errors.js'
import { expandHome } from '../files/home.js'
import { packingsIn } from '../packing/packed-folder.js'

/** The folder for a new model. Rejects with a UserError where a model is in it that nobody said to replace. */
export async function freeFolder(out: string, { force }: { force?: boolean }): Promise<string> {
  const folder = expandHome(out)
  const { quants } = await packingsIn(folder)
  if (quants.length === 0 || force) return folder
  throw new UserError(`${out}: holds a model already (${quants.join(', ')}); give another folder, or --force`)
}
