import { nearest } from '../spelling.js'
import { isName, pulledNames, shippedNames, splitName } from './model-folders.js'

/** The model here whose name is the same but for its owner, its case or a slip. */
export async function likelyName(name: string): Promise<string | undefined> {
  const known = [...(await pulledNames()), ...(await shippedNames())]
  const alone = (text: string) => text.slice(text.lastIndexOf('/') + 1).toLowerCase()
  const isSame = (other: string) => alone(other) === alone(name)
  return known.find(isSame) ?? nearest(name, known) ?? known.find((other) => nearest(alone(name), [alone(other)]))
}

/** Whether a word is the name of a model here, but for a slip, or has the form `owner/name` of one on the hub. */
export async function isModelName(word: string): Promise<boolean> {
  const { repository } = splitName(word)
  return isName(repository) && (repository.includes('/') || (await likelyName(repository)) !== undefined)
}
