import { resolve, sep } from 'node:path'
import type { Model } from '../../api/model.js'
import { pulledFolder, shippedFolder, splitName } from '../packing/model-folders.js'

/** The word that loads a model again, from any folder: its name if it is pulled or built in, else its path. */
export function modelWord({ name, info }: Pick<Model, 'name' | 'info'>): string {
  // The copy of a GGUF file may be removed, or packed again under the same name.
  if (info.copy !== undefined && info.source !== undefined) return info.source
  const path = resolve(info.path)
  const { repository } = splitName(name)
  const isNamed = [pulledFolder(repository), shippedFolder(repository)].some(
    (folder) => path === folder || path.startsWith(folder + sep),
  )
  return isNamed || info.kind === 'random' ? name : path
}
