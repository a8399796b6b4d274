import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { molmHome } from '../../ground/files/home.js'
import { nearest } from '../../ground/spelling.js'
import { QUANTS, type Quant } from '../../model/packing/format/formats.js'
import { packingsIn } from '../../model/packing/format/packed-folder.js'
import { rowOf, sourcesOf } from '../catalogue/known-names.js'

const SHIPPED = fileURLToPath(new URL('../../../models', import.meta.url))

/** Folder of a pulled model. A tag follows after `@`, because file systems refuse the colon. */
export function pulledFolder(name: string): string {
  return join(molmHome(), 'models', ...folderName(name).split('/'))
}

/** The name of a model's folder: `owner/name@Q4_K_M`. */
export function folderName(name: string): string {
  return name.replace(':', '@')
}

/** Lock file of a model. A pull holds it, so that no other process writes to the model's folder. */
export function pullLock(name: string): string {
  return join(molmHome(), 'locks', `${folderName(name).replaceAll('/', '--')}.lock`)
}

export async function shippedNames(): Promise<string[]> {
  return (await readdir(SHIPPED)).sort()
}

/** Folder of a model that comes with the package: a checkpoint. */
export function shippedFolder(name: string): string {
  return join(SHIPPED, name)
}

/** Whether a word is the name of a model that comes with the package, with or without a packing. */
export function isShipped(word: string): boolean {
  const { repository } = splitName(word)
  return isName(repository) && existsSync(shippedFolder(repository))
}

export function modelsRoot(): string {
  return join(molmHome(), 'models')
}

/** Folder of the user's descriptions of families. */
export function familiesFolder(): string {
  return join(molmHome(), 'families')
}

/** Names of the pulled models, partial ones included. */
export async function pulledNames(): Promise<string[]> {
  const root = modelsRoot()
  const names: string[] = []
  for (const first of await folders(root)) {
    if (await isModel(join(root, first))) names.push(nameOf(first))
    for (const second of await folders(join(root, first))) {
      if (await isModel(join(root, first, second))) names.push(nameOf(`${first}/${second}`))
    }
  }
  return names.sort()
}

/** Names of the pulled models from a repository, which may be a former name: its own, and those with tags. */
export async function namesOf(repository: string): Promise<string[]> {
  const folder = pulledFolder(repository)
  const name = basename(folder)
  const entries = await readdir(dirname(folder)).catch(() => [])
  const found = entries.filter((entry) => entry === name || entry.startsWith(`${name}@`)).sort()
  return found.map((entry) => nameOf(`${repository}${entry.slice(name.length)}`))
}

/**
 * Names of the pulled models that a word means: the word, or if there is none names with a tag of a GGUF file, or those
 * of the model that the word is a short name of.
 */
export async function namesMeant(word: string, quant?: Quant): Promise<string[]> {
  if (!isName(word)) return []
  if (existsSync(pulledFolder(word))) return [word]
  const row = rowOf(word)
  if (row) return sourcesOf(row, quant).filter((source) => existsSync(pulledFolder(source)))
  const [repository, tag] = word.split(':')
  const names = await namesOf(repository)
  return tag === undefined ? names : names.filter((name) => name.toLowerCase() === word.toLowerCase())
}

/** Whether a model that a word means is here, ready to run. */
export async function isPulled(word: string): Promise<boolean> {
  const { repository } = splitName(word)
  const packings = (await namesMeant(repository)).map((name) => packingsIn(pulledFolder(name)))
  return (await Promise.all(packings)).some(({ quants }) => quants.length > 0)
}

const nameOf = (folder: string) => folder.replace('@', ':')

/** A model's name without the hub's host, which other tools put before it: `hf.co/owner/name`. */
export function withoutHost(word: string): string {
  return word.replace(/^(https:\/\/)?(hf\.co|huggingface\.co)\//, '')
}

/** Splits `owner/name:q8` into the name of the model, which may have a tag (`owner/name:Q4_K_M`), and the packing. */
export function splitName(name: string): { repository: string; quant?: Quant } {
  const colon = name.lastIndexOf(':')
  const quant = QUANTS.find((quant) => quant === name.slice(colon + 1))
  return colon > 0 && quant ? { repository: name.slice(0, colon), quant } : { repository: name }
}

/** Whether a text can be the name of a model, with or without a tag: a path below the models' folder. */
export function isName(name: string): boolean {
  return (
    /^[\w.-]+(\/[\w.-]+)?(:\w[\w.+-]*)?$/.test(name) && !name.split('/').some((part) => part === '.' || part === '..')
  )
}

/** Finds the model on this computer whose name differs only in the owner, the case or a typing error. */
export async function likelyName(name: string): Promise<string | undefined> {
  const known = [...(await pulledNames()), ...(await shippedNames())]
  const alone = (text: string) => text.slice(text.lastIndexOf('/') + 1).toLowerCase()
  const isSame = (other: string) => alone(other) === alone(name)
  return known.find(isSame) ?? nearest(name, known) ?? known.find((other) => nearest(alone(name), [alone(other)]))
}

/** Whether a word has the form `owner/name`, is a short name, or nearly the name of a model on this computer. */
export async function isModelName(word: string): Promise<boolean> {
  const { repository } = splitName(word)
  if (!isName(repository)) return false
  return repository.includes('/') || rowOf(repository) !== undefined || (await likelyName(repository)) !== undefined
}

async function isModel(folder: string): Promise<boolean> {
  const { quants, isUnfinished } = await packingsIn(folder)
  return quants.length > 0 || isUnfinished
}

/** Names of the folders in `dir`; none if it does not exist. */
export async function folders(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { withFileTypes: true }).catch(() => [])
  return entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.')).map(({ name }) => name)
}

/** Names of weights that are the same in many folders: `model.gguf`, `model-q4.molm.safetensors`, `Q4_K_M.gguf`. */
const SAYS_NOTHING =
  /^(?:model|weights|consolidated|pytorch_model|ggml(?:-model)?)?(?:[-_.]?(?:i?q\d\w*|fp?(?:16|32)|bf16|mxfp4|\d{5}-of-\d{5}|molm))*\.(?:gguf|safetensors)$/i

/** The name of a model that is a folder or a file: the folder's name, or the file's if it says which model it is. */
export function nameOfPath(path: string): string {
  const whole = resolve(path)
  const name = basename(whole)
  return (SAYS_NOTHING.test(name) && basename(dirname(whole))) || name
}
