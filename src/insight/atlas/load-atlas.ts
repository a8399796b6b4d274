import { dirname, join } from 'node:path'
import type { Model } from '../../api/model.js'
import { UserError } from '../../ground/errors.js'
import { readSmallFile } from '../../ground/files/small-file.js'
import { MOST_JSON_BYTES, parseJsonObject } from '../../ground/json/json.js'
import type { Atlas } from './atlas.js'
import { checkAtlas } from './atlas-shape.js'

/**
 * Reads names of a model's experts: from the file `path`, else from `atlas.json` beside the model. Resolves with
 * undefined if `path` is absent and the model has no such file. Names are safe to print; texts of tokens are not. Rejects
 * with a UserError if the file is missing, is not an atlas, or is one of a model with other experts. Given `onWarning`,
 * the model's own file is passed over with a warning instead.
 */
export async function loadAtlas(
  model: Pick<Model, 'name' | 'config' | 'info'>,
  path?: string,
  onWarning?: (message: string) => void,
): Promise<Atlas | undefined> {
  if (path !== undefined) {
    const atlas = await read(path, model)
    if (atlas) return atlas
    throw new UserError(`${path}: there is no such file`)
  }
  if (model.info.kind === 'random') return undefined
  const { path: place, kind } = model.info
  try {
    return await read(join(kind === 'checkpoint' ? place : dirname(place), 'atlas.json'), model)
  } catch (error) {
    if (!(onWarning && error instanceof UserError)) throw error
    onWarning(`no names of experts: ${error.message}`)
    return undefined
  }
}

async function read(file: string, model: Pick<Model, 'name' | 'config'>): Promise<Atlas | undefined> {
  const bytes = await readSmallFile(file, MOST_JSON_BYTES)
  return bytes && checkAtlas(file, parseJsonObject(bytes, file), model)
}
