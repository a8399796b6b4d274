import type { LoadOptions, Model } from '../api/model.js'
import { startThreadAhead } from '../engine/run/reading/thread-ahead.js'
import { UsageError, UserError } from '../ground/errors.js'
import { isPlainName } from '../ground/files/byte-source.js'
import { addFile, basename, dirname, pathIn } from '../ground/platform/files.browser.js'
import { SHARES_MEMORY } from '../ground/platform/threads.browser.js'
import type { AtlasEntry } from '../insight/atlas/atlas.js'
import { loadAtlas } from '../insight/atlas/load-atlas.js'
import { modelFiles, type PreparedModel } from '../library/files/model-files.js'
import { packedModel } from '../library/files/packed-model.js'
import { checkLoadOptions, MAX_THREADS } from '../library/packing/load-options.js'
import { startModel } from '../library/start-model.js'
import { type PerMixture, perMixture } from '../model/config/config.js'
import { isNote } from '../model/packing/format/companions.js'
import { isExpertName } from '../model/packing/format/layout.js'
import { openPackedFile, type PackedFile } from '../model/packing/format/packed-file.js'
import { isPacked } from '../model/packing/format/packed-folder.js'
import { type ByteRange, companion, type FetchOptions, type FetchProgress, RemoteFile } from './remote-file.js'

export interface BrowserLoadOptions extends LoadOptions {
  /**
   * Weights to fetch. `all` (default): of a large file first what every token needs, so that the model can answer while the
   * experts come, those in use first. Small files are fetched whole first, and so are all if the page is not isolated or the
   * host has no ranges. `needed`: only experts that tokens are routed to.
   */
  weights?: 'all' | 'needed'
  /** Called while the weights are fetched that the model needs to start. */
  onProgress?: (progress: FetchProgress) => void
}

/**
 * Loads a packed model and starts its engine, which runs in workers. `source` is the address of its packed file, whose
 * companions are in the same folder, or all its files, such as a user has chosen. Rejects with a UserError if they are
 * incomplete, damaged or cannot be fetched.
 */
export async function loadModel(
  source: string | URL | Iterable<File>,
  { weights = 'all', onProgress, ...options }: BrowserLoadOptions = {},
): Promise<Model> {
  checkLoadOptions(options)
  if (weights !== 'all' && weights !== 'needed') throw new UsageError('weights must be "all" or "needed"')
  startThreadAhead()
  const isAddress = typeof source === 'string' || source instanceof URL
  const { onWarning, signal } = options
  const { path, isWhole } = isAddress
    ? await fetchModel(new URL(source, location.href), weights, { onProgress, onWarning, signal })
    : { path: addFiles(source), isWhole: true }
  const found = modelFiles(await packedModel(nameOf(path), dirname(path), path, options.quant))
  const reading = weights === 'needed' ? weights : undefined
  const threads = Math.min(options.threads ?? threadsHere(), SHARES_MEMORY ? MAX_THREADS : 1)
  const shares = isWhole || reading ? undefined : await sharesOf(found)
  return startModel(found, { ...options, threads }, { ...memoryHere(), threads, reading, shares })
}

/** Shares of tokens that choose the experts, by the model's atlas. */
async function sharesOf(found: PreparedModel): Promise<PerMixture<number[][]> | undefined> {
  const atlas = await loadAtlas({ ...found, info: await found.outline() }, undefined, () => undefined)
  return atlas && perMixture(found.config.mixtures, ({ kind }) => sharesIn(atlas.entries[kind]))
}

function sharesIn(layers: readonly AtlasEntry[][] = []): number[][] {
  return layers.map((entries) => entries.map(({ share }) => share))
}

/** Threads that a model has by default: one for each processor, or one in all if threads cannot share memory. */
export function threadsHere(): number {
  return SHARES_MEMORY ? Math.min(navigator.hardwareConcurrency, MAX_THREADS) : 1
}

/** Bytes of memory of a usual device, since most browsers do not say. */
const USUAL_MEMORY = 8 * 2 ** 30
const MARGIN = 512 * 2 ** 20

function memoryHere(): { free: number; margin: number } {
  const { deviceMemory } = navigator as { deviceMemory?: number }
  return { free: deviceMemory === undefined ? USUAL_MEMORY : deviceMemory * 2 ** 30, margin: MARGIN }
}

/** Fetches the companions of a packed file, and as much of it as its model needs to start. */
async function fetchModel(
  address: URL,
  weights: 'all' | 'needed',
  options: FetchOptions,
): Promise<{ path: string; isWhole: boolean }> {
  const path = `${address.origin}${address.pathname}`
  const remote = await RemoteFile.open(address, options)
  addFile(path, remote.file)
  const canComeLater = weights === 'needed' || (SHARES_MEMORY && remote.isLarge)
  const early = canComeLater && (await remote.hasRanges()) ? await openPackedFile(path) : undefined
  await remote.fetch(early && denseRanges(early))
  addFile(path, remote.file)
  const { metadata } = early ?? (await openPackedFile(path))
  const folder = dirname(path)
  const needed = Object.keys(metadata.files).filter((name) => !isNote(name))
  const fetched = needed.map(async (name) => {
    if (!isPlainName(name)) throw new UserError(`${path}: names a file outside of its folder`)
    addFile(pathIn(folder, name), await companion(new URL(name, address), metadata.files[name], options))
  })
  await Promise.all([...fetched, remote.keepRest()])
  return { path, isWhole: remote.isWhole }
}

/** The table of contents, and parts that are not experts. */
function denseRanges({ parts }: PackedFile): ByteRange[] {
  const all = [...parts]
  const contents = { start: 0, end: Math.min(...all.map(([, { offset }]) => offset)) }
  const dense = all.filter(([name]) => !isExpertName(name))
  return [contents, ...dense.map(([, { offset, bytes }]) => ({ start: offset, end: offset + bytes }))]
}

let given = 0

function addFiles(files: Iterable<File>): string {
  const folder = `files-${++given}`
  const all = [...files]
  for (const file of all) addFile(pathIn(folder, file.name), file)
  const packed = all.filter(({ name }) => isPacked(name))
  if (packed.length === 1) return pathIn(folder, packed[0].name)
  throw new UsageError(`a model is one packed file and its companions; there are ${packed.length} packed files`)
}

/** The folder's name, which says more than the file's. */
function nameOf(path: string): string {
  return basename(dirname(path)) || basename(path)
}
