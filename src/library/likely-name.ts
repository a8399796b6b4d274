import { nearest } from '../spelling.js'
import { pulledNames, shippedNames } from './model-folders.js'

/** The model here whose name is the same but for its owner, its case or a slip. */
export async function likelyName(name: string): Promise<string | undefined> {
  const known = [...(await pulledNames()), ...(await shippedNames())]
  const alone = (text: string) => text.slice(text.lastIndexOf('/') + 1).toLowerCase()
  const isSame = (other: string) => alone(other) === alone(name)
  return known.find(isSame) ?? nearest(name, known) ?? known.find((other) => nearest(alone(name), [alone(other)]))
}
