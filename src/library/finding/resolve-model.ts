import { stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { LoadOptions } from '../../api/model.js'
import { UsageError, UserError } from '../../ground/errors.js'
import { NO_FILES, whileOpen } from '../../ground/files/byte-source.js'
import { expandHome, molmHome } from '../../ground/files/home.js'
import { localFolder } from '../../ground/files/local-folder.js'
import { option, phrase } from '../../ground/message.js'
import { shown } from '../../ground/option-checks.js'
import { openCheckpoint } from '../../model/checkpoint/checkpoint.js'
import { hasWeights } from '../../model/checkpoint/shards.js'
import type { ModelConfig } from '../../model/config/config.js'
import { blueprintOf } from '../../model/families/index.js'
import { isGguf } from '../../model/gguf/file/split-names.js'
import { checkQuant, formatsFor, type PartFormats, type Quant } from '../../model/packing/format/formats.js'
import { openPackedFile } from '../../model/packing/format/packed-file.js'
import { findPackedFile, packingsIn } from '../../model/packing/format/packed-folder.js'
import { checkpointFormats } from '../../model/packing/write/pack-source.js'
import { nameHint, rowOf } from '../catalogue/known-names.js'
import type { FoundModel } from '../files/found-model.js'
import { readConfig } from '../files/model-config.js'
import { type ModelFiles, modelFiles, type PreparedModel } from '../files/model-files.js'
import { packedModel } from '../files/packed-model.js'
import {
  familiesFolder,
  isName,
  isShipped,
  likelyName,
  nameOfPath,
  namesMeant,
  namesOf,
  pulledFolder,
  shippedFolder,
  splitName,
  withoutHost,
} from '../folders/model-folders.js'
import { DEFAULT_TAG, isSame } from '../hub/gguf-choice.js'
import { isGgufFile } from './model-words.js'

const DEFAULT_QUANT: Quant = 'q4'

/**
 * Finds a model by a user's word for it: a folder (packed or checkpoint), a packed file, a GGUF file, the name of a
 * pulled model (with `:q8` for one of several packings, `:Q4_K_M` for a GGUF file), its short name (`granite:3b`) or
 * `nano`, which never means a folder: a folder from elsewhere must not replace the default. A GGUF file is packed if its
 * packed copy is here. Rejects with a UserError that names the places searched.
 */
export async function resolveModel(typed: string, wanted?: Quant): Promise<ModelFiles> {
  return modelFiles(await findModel(typed, wanted))
}

/** Finds a model as `resolveModel` does, and packs a GGUF file that has no packed copy, as `packGguf` does. */
export async function preparedModel(
  name: string,
  options: Pick<LoadOptions, 'quant' | 'threads' | 'onPacking' | 'onWarning' | 'signal'> = {},
): Promise<PreparedModel> {
  const found = await findModel(name, options.quant)
  if (isPrepared(found)) return modelFiles(found)
  const { packGguf } = await import('../packing/pack-gguf.js')
  await packGguf(found.path, { ...options, quant: options.quant ?? splitName(name).quant })
  // Unless the file changed while it was packed, its copy is found now.
  return preparedModel(name, options)
}

function isPrepared(found: FoundModel): found is FoundModel<PreparedModel['kind']> {
  return found.kind !== 'gguf'
}

async function findModel(typed: string, wanted?: Quant): Promise<FoundModel> {
  if (typeof typed !== 'string') throw new UsageError(`the name of a model must be a text, not ${shown(typed)}`)
  checkQuant(wanted)
  const name = expandHome(typed)
  if (name === '') throw new UsageError('the model name is empty')
  if (isShipped(name)) return namedModel(name, wanted)
  const info = await stat(name).catch(() => undefined)
  if (info?.isFile()) {
    return (await isGgufFile(name)) ? ggufModel(name, name, wanted) : packed(name, dirname(name), name, wanted)
  }
  if (info?.isDirectory()) return folder(name, name, wanted)
  return namedModel(withoutHost(name), wanted)
}

/** Finds a model by a word that is not a path, unless it is one with a packing after a colon. */
async function namedModel(name: string, wanted?: Quant): Promise<FoundModel> {
  const { repository, quant } = splitName(name)
  if (quant && wanted && quant !== wanted) {
    throw new UsageError(phrase`${name} asks for ${quant} and ${option('quant')} for ${wanted}: give one of them`)
  }
  const model = await pulledName(repository, quant ?? wanted)
  // A short name becomes the model's own, so that what is kept under it loads after the table of names has changed.
  const own = rowOf(repository) ? `${model}${quant ? `:${quant}` : ''}` : name
  if (model !== undefined) return pulledModel(own, model, quant ?? wanted)
  if (isShipped(name)) return folder(name, shippedFolder(repository), quant ?? wanted)
  const found = quant && (await stat(repository).catch(() => undefined))
  if (found?.isDirectory()) return folder(name, repository, quant)
  if (found?.isFile() && (await isGgufFile(repository))) return ggufModel(name, repository, quant)
  throw await unknownModel(name)
}

/**
 * Name of the pulled model that a word means: the word itself, or with another case of the tag. Without a tag it may be
 * the only GGUF file of a repository, or the default one of several. Rejects with a UserError if it may be any of several.
 */
async function pulledName(word: string, wanted?: Quant): Promise<string | undefined> {
  const names = await namesMeant(word, wanted)
  if (names.length < 2 || word.includes(':') || rowOf(word)) return names[0]
  const usual = names.find((name) => isSame(name, `${word}:${DEFAULT_TAG}`))
  if (usual === undefined) throw new UserError(`${word} is here in several files: name one, ${names.join(' or ')}`)
  return usual
}

/** A GGUF file: its packed copy, if that is here, else what its header says. `name` is the user's word for it. */
async function ggufModel(name: string, file: string, wanted?: Quant): Promise<FoundModel> {
  const { freshCopy, ggufPath } = await import('../folders/gguf-copies.js')
  const path = await ggufPath(file)
  const copy = await freshCopy(path, wanted)
  if (!copy) return ggufHeader(name, path, wanted)
  const found = await packed(copy.file.path, copy.folder, copy.file.path)
  return { ...found, name: nameOfPath(name), gguf: path, sourceRevision: undefined }
}

async function ggufHeader(name: string, path: string, wanted?: Quant): Promise<FoundModel> {
  const { openGgufModel } = await import('../packing/open-pack-source.js')
  const { source, config } = await openGgufModel(localFolder(dirname(path)), basename(path), NO_FILES, wanted)
  await source.close()
  const { quant, formats } = source
  return { name: nameOfPath(name), folder: '', path, kind: 'gguf', gguf: path, quant, formats, config }
}

/** Finds a packing of a pulled model. Its errors say how to pull what is missing. */
async function pulledModel(name: string, repository: string, wanted?: Quant): Promise<FoundModel> {
  const dir = pulledFolder(repository)
  const { quants, isUnfinished } = await packingsIn(dir)
  const again = `\`molm pull ${repository}${wanted ? `:${wanted}` : ''}\``
  if (quants.length === 0) {
    if (isUnfinished) throw new UserError(`${repository} is only partly pulled; ${again} resumes`)
    throw await unknownModel(name)
  }
  if (wanted && !quants.includes(wanted)) {
    throw new UserError(`${repository} is pulled as ${quants.join(', ')}, not ${wanted}; ${again} fetches it`)
  }
  if (!wanted && quants.length > 1 && !quants.includes(DEFAULT_QUANT)) {
    const names = quants.map((quant) => `${repository}:${quant}`)
    throw new UserError(`${repository} is here in several packings: name one, ${names.join(' or ')}`)
  }
  // The default of several packings, so that pulling another breaks no script that names none.
  return folder(name, dir, wanted ?? (quants.length > 1 ? DEFAULT_QUANT : undefined))
}

async function unknownModel(name: string): Promise<UserError> {
  const isPath = /^[./~]/.test(name) || name.split('/').length > 2
  if (isGguf(splitName(name).repository)) return noSuchGguf(name)
  if (isPath) return new UserError(`${name}: no such file or folder`)
  if (rowOf(splitName(name).repository)) {
    return new UserError(`${name} is not on this computer; \`molm pull ${name}\` fetches it`)
  }
  const [repository, tag] = name.split(':')
  const here = tag !== undefined && isName(name) ? await namesOf(repository) : []
  if (here.length > 0 && !here.includes(repository)) {
    return new UserError(`${name} is not pulled, but ${here.join(', ')}; \`molm pull ${name}\` fetches it`)
  }
  const meant = await likelyName(splitName(name).repository)
  const pull = name.includes('/') ? `; \`molm pull ${name}\` fetches it from the hub` : ''
  const named = meant ? `did you mean ${meant}?` : nameHint(splitName(name).repository)
  const hint = named ? `; ${named}` : pull
  return new UserError(`no model '${name}': it is neither a folder or file here, nor pulled (in ${molmHome()})${hint}`)
}

/** Error of a GGUF file that is not there. Its packed copy may be. */
async function noSuchGguf(name: string): Promise<UserError> {
  const { repository, quant } = splitName(name)
  const { copyFolder, ggufPath } = await import('../folders/gguf-copies.js')
  const { paths } = await packingsIn(copyFolder(await ggufPath(repository), quant))
  const hint = paths.length === 0 ? '' : `; its packed copy is ${paths[0]}`
  return new UserError(`${name}: no such file${hint}`)
}

async function folder(name: string, dir: string, wanted?: Quant): Promise<FoundModel> {
  const file = await findPackedFile(dir, wanted)
  if (file) return packed(name, dir, file, wanted)
  if (wanted) await checkHasCheckpoint(name, dir, wanted)
  else await checkHasWeights(dir)
  const quant = wanted ?? DEFAULT_QUANT
  const read = await readConfig(dir, { families: localFolder(familiesFolder()) })
  const formats = await formatsIn(dir, read.config, quant)
  const shown = name === dir ? nameOfPath(dir) : name
  return { name: shown, folder: dir, path: dir, kind: 'checkpoint', quant, formats, ...read }
}

/** Formats that a checkpoint is packed in. Its tensors are only looked at in families with two kinds of checkpoints. */
async function formatsIn(dir: string, config: ModelConfig, quant: Quant): Promise<PartFormats> {
  const blueprint = blueprintOf(config)
  if (!blueprint.readsMxfp4) return formatsFor(quant)
  return whileOpen(openCheckpoint(localFolder(dir), config.tensorRules), ({ tensors }) => {
    return checkpointFormats(blueprint, quant, tensors.keys())
  })
}

/** Rejects with a UserError if a folder holds packed models alone, since another packing needs the checkpoint. */
async function checkHasCheckpoint(name: string, dir: string, wanted: Quant): Promise<void> {
  const { quants } = await packingsIn(dir)
  if (quants.length === 0 || hasWeights(await localFolder(dir).list())) return
  throw new UserError(`${name} is packed as ${quants.join(', ')}; ${wanted} needs the checkpoint: convert that`)
}

/** Rejects with a UserError if a folder has no checkpoint, but a packed model under another name. */
async function checkHasWeights(dir: string): Promise<void> {
  const files = await localFolder(dir).list()
  if (hasWeights(files)) return
  for (const file of files.slice(0, MOST_FILES)) {
    const path = join(dir, file)
    const isModel = await openPackedFile(path).catch(() => undefined)
    if (isModel) throw new UserError(`${dir}: to load the packed model in this folder, name it: ${path}`)
  }
}

const MOST_FILES = 100

function packed(name: string, dir: string, path: string, wanted?: Quant): Promise<FoundModel> {
  return packedModel(name === dir || name === path ? nameOfPath(name) : name, dir, path, wanted)
}
