import { existsSync } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseConfig } from '../architectures/index.js'
import { localFolder } from '../checkpoint/local-folder.js'
import { hasWeights } from '../checkpoint/shards.js'
import { MOST_CONFIG_BYTES, readSmallFile } from '../checkpoint/small-file.js'
import { UsageError, UserError } from '../errors.js'
import { parseJsonObject } from '../json.js'
import type { ModelConfig } from '../model/config.js'
import { checksumsOf } from '../packing/checksums.js'
import { formatsFor, type PartFormats, QUANTS, type Quant } from '../packing/format.js'
import { openPackedFile, type PackedFile } from '../packing/packed-file.js'
import { findPackedFile, packingsIn } from '../packing/packed-folder.js'
import { withTrainedContext } from './trained-context.js'

/** A model that was found on this computer. */
export interface FoundModel {
  name: string
  /** Folder of config.json and the tokenizer's files. */
  folder: string
  /** Packed file, or the checkpoint's folder. */
  path: string
  kind: 'packed' | 'checkpoint' | 'random'
  /** Table of contents of a packed one. */
  file?: PackedFile
  quant: Quant
  formats: PartFormats
  config: ModelConfig
  source?: string
  sourceRevision?: string
}

/** Folder of the models that come with the package. */
const SHIPPED = fileURLToPath(new URL('../../models', import.meta.url))
const DEFAULT_QUANT: Quant = 'q4'

/** Where pulled models are kept: $MOLM_HOME, else `molm` in the user's data folder. */
export function modelsHome(env: NodeJS.ProcessEnv = process.env): string {
  if (env.MOLM_HOME) return resolve(env.MOLM_HOME)
  return join(env.XDG_DATA_HOME || join(homedir(), '.local', 'share'), 'molm')
}

/** Folder of a pulled model: one level for each part of its name, under `models`. */
export function pulledFolder(name: string): string {
  return join(modelsHome(), 'models', ...name.split('/'))
}

/** Names of the models that come with the package. */
export async function shippedNames(): Promise<string[]> {
  return (await readdir(SHIPPED)).sort()
}

/** Folder of a model that comes with the package: a checkpoint. */
export function shippedFolder(name: string): string {
  return join(SHIPPED, name)
}

/**
 * Finds a model by what a user calls it: a folder (packed or checkpoint), a packed file, the name of a pulled model
 * (with `:q8` for one of several packings) or `nano`. Rejects with a UserError that says where it was looked for.
 */
export async function resolveModel(name: string, wanted?: Quant): Promise<FoundModel> {
  if (name === '') throw new UsageError('the model name is empty')
  const info = await stat(name).catch(() => undefined)
  if (info?.isFile()) return packed(name, dirname(name), name, wanted)
  if (info?.isDirectory()) return folder(name, name, wanted)
  const { repository, quant } = splitName(name)
  if (quant && wanted && quant !== wanted) {
    throw new UsageError(`${name} asks for ${quant} and \`quant\` for ${wanted}: give one of them`)
  }
  const pulled = pulledFolder(repository)
  if (isName(repository) && existsSync(pulled)) return pulledModel(name, repository, quant ?? wanted)
  const shipped = shippedFolder(repository)
  if (isName(repository) && existsSync(shipped)) return folder(name, shipped, quant ?? wanted)
  throw new UserError(unknownModel(name))
}

/** Says how to get what was not pulled, or not to its end. */
async function pulledModel(name: string, repository: string, wanted?: Quant): Promise<FoundModel> {
  const dir = pulledFolder(repository)
  const { quants, isUnfinished } = await packingsIn(dir)
  const again = `\`molm pull ${repository}${wanted ? `:${wanted}` : ''}\``
  if (quants.length === 0) {
    throw new UserError(isUnfinished ? `${repository} is pulled in part only; ${again} goes on` : unknownModel(name))
  }
  if (wanted && !quants.includes(wanted)) {
    throw new UserError(`${repository} is pulled as ${quants.join(', ')}, not ${wanted}; ${again} fetches it`)
  }
  if (!wanted && quants.length > 1 && !quants.includes(DEFAULT_QUANT)) {
    const names = quants.map((quant) => `${repository}:${quant}`)
    throw new UserError(`${repository} is here in several packings: name one, ${names.join(' or ')}`)
  }
  // Of several packings the default one, so that pulling another breaks no script that names none.
  return folder(name, dir, wanted ?? (quants.length > 1 ? DEFAULT_QUANT : undefined))
}

function unknownModel(name: string): string {
  const isPath = name.startsWith('.') || name.startsWith('/') || name.split('/').length > 2
  if (isPath) return `${name}: no such file or folder`
  const pull = name.includes('/') ? `; \`molm pull ${name}\` fetches it from the hub` : ''
  return `no model '${name}': it is neither a folder or file here, nor pulled (in ${modelsHome()})${pull}`
}

/** `owner/name:q8` without its packing. */
export function splitName(name: string): { repository: string; quant?: Quant } {
  const colon = name.lastIndexOf(':')
  const quant = QUANTS.find((quant) => quant === name.slice(colon + 1))
  return colon > 0 && quant ? { repository: name.slice(0, colon), quant } : { repository: name }
}

/** Whether it can be the name of a repository, and so of folders below ours. */
export function isName(name: string): boolean {
  return /^[\w.-]+(\/[\w.-]+)?$/.test(name) && !name.split('/').some((part) => part === '.' || part === '..')
}

async function folder(name: string, dir: string, wanted?: Quant): Promise<FoundModel> {
  const file = await findPackedFile(dir, wanted)
  if (file) return packed(name, dir, file, wanted)
  if (wanted) await checkHasCheckpoint(name, dir, wanted)
  const quant = wanted ?? DEFAULT_QUANT
  const config = await readConfig(dir)
  const shown = name === dir ? basename(resolve(dir)) : name
  return { name: shown, folder: dir, path: dir, kind: 'checkpoint', quant, formats: formatsFor(quant), config }
}

/** In a folder of packed models alone, another packing cannot be made. */
async function checkHasCheckpoint(name: string, dir: string, wanted: Quant): Promise<void> {
  const { quants } = await packingsIn(dir)
  if (quants.length === 0 || hasWeights(await localFolder(dir).list())) return
  throw new UserError(`${name} is packed as ${quants.join(', ')}; ${wanted} needs the checkpoint: convert that`)
}

async function packed(name: string, dir: string, path: string, wanted?: Quant): Promise<FoundModel> {
  const file = await openPackedFile(path)
  const { quant, formats, source, sourceRevision } = file.metadata
  if (wanted && wanted !== quant) throw new UserError(`${path} is packed as ${quant}, not ${wanted}; pack it again`)
  const config = await readConfig(dir, file)
  const shown = name === dir || name === path ? basename(resolve(name)) : name
  return { name: shown, folder: dir, path, kind: 'packed', file, quant, formats, config, source, sourceRevision }
}

/** Reads config.json; beside packed weights it must be the one that they were packed with. */
async function readConfig(dir: string, packed?: PackedFile): Promise<ModelConfig> {
  const path = join(dir, 'config.json')
  const bytes = await readSmallFile(path, MOST_CONFIG_BYTES)
  if (!bytes) throw new UserError(`${path}: no such file; a model is a folder with config.json and weights`)
  const expected = packed?.metadata.files?.['config.json']
  if (packed && expected !== undefined && checksumsOf(bytes).sha256 !== expected) {
    throw new UserError(
      `${path}: not the file that ${basename(packed.path)} was packed with; put that back, or pack the model again`,
    )
  }
  return withTrainedContext(parseConfig(parseJsonObject(bytes, path), path), dir)
}
