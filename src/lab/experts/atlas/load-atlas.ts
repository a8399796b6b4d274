import { dirname, join } from 'node:path'
import type { Model } from '../../../api/model.js'
import { UserError } from '../../../ground/errors.js'
import { readSmallFile } from '../../../ground/files/small-file.js'
import { MOST_JSON_BYTES, parseJsonObject } from '../../../ground/json/json.js'
import type { Atlas } from './atlas.js'
import { checkAtlas } from './atlas-shape.js'

const ATLAS_FILE = 'atlas.json'

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
  if (path !== undefined) return read(path, model)
  if (model.info.kind === 'random') return undefined
  const { path: place, kind } = model.info
  const file = join(kind === 'checkpoint' ? place : dirname(place), ATLAS_FILE)
  try {
    return await read(file, model, true)
  } catch (error) {
    if (!(onWarning && error instanceof UserError)) throw error
    onWarning(`no names of experts: ${error.message}`)
    return undefined
  }
}

function read(file: string, model: Pick<Model, 'name' | 'config'>): Promise<Atlas>
function read(file: string, model: Pick<Model, 'name' | 'config'>, mayLack: true): Promise<Atlas | undefined>
async function read(file: string, model: Pick<Model, 'name' | 'config'>, mayLack?: true): Promise<Atlas | undefined> {
  const bytes = await readSmallFile(file, MOST_JSON_BYTES)
  if (bytes) return checkAtlas(file, parseJsonObject(bytes, file), model)
  if (mayLack) return undefined
  throw new UserError(`${file}: there is no such file`)
}
