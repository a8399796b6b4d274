import { UserError } from '../../ground/errors.js'
import { localFolder } from '../../ground/files/local-folder.js'
import { option, phrase } from '../../ground/message.js'
import { formatBytes, formatSize } from '../../ground/numbers.js'
import { SyncFile } from '../../ground/platform/files.js'
import { SHARES_MEMORY } from '../../ground/platform/threads.js'
import { Bank } from '../../kernels/memory/bank.js'
import { Pool } from '../../kernels/threads/pool.js'
import { openCheckpoint } from '../../model/checkpoint/checkpoint.js'
import { blueprintOf, createDecoder, layoutOf } from '../../model/families/index.js'
import type { Decoder } from '../../model/layers/decoder.js'
import { PartCheck } from '../../model/packing/format/checksums.js'
import type { PartFormats } from '../../model/packing/format/formats.js'
import type { Layout, Part } from '../../model/packing/format/layout.js'
import { checkParts, openPackedFile, type PackedFile } from '../../model/packing/format/packed-file.js'
import { checkTensors } from '../../model/packing/write/check-tensors.js'
import { nonFiniteWeights, unknownTensors } from '../../model/packing/write/checkpoint-warnings.js'
import { type NonFinite, packParts } from '../../model/packing/write/pack.js'
import { BANK_BYTES, leastBudget, planBanks } from '../../model/weights/bank-plan.js'
import { fillRandom, randomPool } from '../../model/weights/random-weights.js'
import { WeightStore } from '../../model/weights/weight-store.js'
import type { ModelSource } from './messages/protocol.js'
import { Packer } from './packer.js'
import { readFully } from './reading/expert-reader.js'
import { startReadAhead } from './reading/read-ahead.js'

/** A model in memory, with its threads. */
export interface LoadedModel {
  model: Decoder
  formats: PartFormats
  layout: Layout
  store: WeightStore
  pool: Pool
  budget: number
  warnings: string[]
  close(): void
}

/** Memory and threads for a model. */
interface Means {
  /** The first memory; the others get its kernels, too. */
  bank: Bank
  threads: number
  bankBytes: number
}

/**
 * Opens a model. Of a packed one, it reads the dense parts; experts follow when tokens are routed to them or, if all
 * fit, earlier in the background. A checkpoint is packed whole. A WebAssembly memory gets at most `bankBytes` of
 * weights.
 */
export async function loadWeights(
  source: ModelSource,
  bank: Bank,
  threads: number,
  bankBytes = BANK_BYTES,
): Promise<LoadedModel> {
  const means = { bank, threads, bankBytes }
  if (source.kind === 'packed') return loadPacked(source, means)
  return source.kind === 'random' ? loadRandom(source, means) : loadCheckpoint(source, means)
}

/** Memory for activations, caches and open files, as a fraction of the weights. */
const BESIDES_WEIGHTS = 1 / 8

/** Throws a UserError if a model that is held whole does not fit into memory: the system would end the process. */
function checkRoom({ memory, memoryIsGiven, free }: ModelSource, layout: Layout, what: string, remedy = ''): void {
  if (memoryIsGiven && memory < layout.bytes) {
    const [limit, bytes] = [formatSize(memory), formatSize(layout.bytes)]
    throw new UserError(
      phrase`${option('memory')} ${limit} is too little for ${what}, which is held whole: ${bytes}${remedy}`,
    )
  }
  const wanted = layout.bytes * (1 + BESIDES_WEIGHTS)
  if (!memoryIsGiven && wanted > free) {
    const needs = `needs ${formatBytes(wanted)} of memory, and ${formatBytes(free)} are free`
    throw new UserError(`${what} ${needs}${remedy}`)
  }
}

/** A model whose weights are in a store; all of them, unless `more` has another budget. */
function modelOf(
  { config, formats, cacheType }: ModelSource,
  layout: Layout,
  store: WeightStore,
  pool: Pool,
  more: Partial<Pick<LoadedModel, 'budget' | 'warnings' | 'close'>> = {},
): LoadedModel {
  const model = createDecoder(config, store, pool, formats, cacheType)
  return { model, formats, layout, store, pool, budget: layout.bytes, warnings: [], close: () => undefined, ...more }
}

function loadRandom(source: ModelSource, { bank, threads, bankBytes }: Means): LoadedModel {
  const layout = layoutOf(source.config, source.formats)
  checkRoom(source, layout, 'a model of random weights')
  const bytes = randomPool()
  const fill = (part: Part, target: Uint8Array) => fillRandom(part, target, bytes, source.hasLongSticks)
  const store = new WeightStore(layout, planBanks(layout, Number.POSITIVE_INFINITY, bankBytes), bank, fill)
  store.readAll()
  return modelOf(source, layout, store, new Pool(store.banks, threads))
}

async function loadPacked(source: ModelSource, means: Means): Promise<LoadedModel> {
  const { bank, threads, bankBytes } = means
  const { config, formats, memoryIsGiven, checkExperts, reading, shares } = source
  const file = await openPackedFile(source.path)
  // Before planning, since a hostile config.json may ask for more than fits into memory.
  checkParts(file, blueprintOf(config))
  const layout = layoutOf(config, formats)
  const least = leastBudget(layout, bankBytes)
  const memory = Math.min(layout.bytes, memoryIsGiven ? source.memory : Math.max(source.memory, least))
  if (memory < least) {
    throw new UserError(
      phrase`${option('memory')} ${formatSize(memory)} is too little for this model: it needs at least ${formatSize(least)}`,
    )
  }
  const weights = new SyncFile(source.path)
  const plan = planBanks(layout, memory, bankBytes)
  const store = new WeightStore(layout, plan, bank, partReader(file, weights, checkExperts))
  const stopReadingAhead =
    SHARES_MEMORY && startReadAhead(store, file, { checkExperts, reading, shares, threads: weights.readers })
  const close = () => {
    if (stopReadingAhead) stopReadingAhead()
    weights.close()
  }
  try {
    store.readDense()
  } catch (error) {
    close()
    throw error
  }
  return modelOf(source, layout, store, new Pool(store.banks, threads), { budget: memory, close })
}

/** Fills parts from a packed file. Checksums of experts are checked on request, all others always. */
function partReader(file: PackedFile, weights: SyncFile, checkExperts?: boolean) {
  const checks = new PartCheck(file)
  return (part: Part, target: Uint8Array): void => {
    readFully(weights, file.parts.get(part.name)?.offset ?? 0, target)
    if (!part.expert || checkExperts) checks.check(part.name, target)
  }
}

async function loadCheckpoint(source: ModelSource, means: Means): Promise<LoadedModel> {
  if (source.packing !== undefined) return loadWhole(source, source.packing, means)
  const { bank, threads } = means
  const { config, formats, path } = source
  const checkpoint = await openCheckpoint(localFolder(path), config.tensorRules)
  try {
    const unknown = checkTensors(blueprintOf(config), checkpoint.tensors, checkpoint.name)
    const layout = layoutOf(config, formats)
    const store = wholeStore(source, layout, means)
    // The packer's buffers have a bank of their own, the last.
    const packing = new Bank(bank.module)
    const pool = new Pool([...store.banks, packing], threads)
    pool.enter(store.banks.length)
    const packer = new Packer(packing)
    const nonFinite: NonFinite[] = []
    for await (const packed of packParts(layout, checkpoint.tensors, async (request) => packer.pack(request))) {
      store.place(packed.part, packed.bytes)
      nonFinite.push(...packed.nonFinite)
    }
    const warnings = [...unknownTensors(unknown), ...nonFiniteWeights(nonFinite)]
    pool.enter(0)
    return modelOf(source, layout, store, pool, { warnings })
  } finally {
    await checkpoint.close()
  }
}

/** Reads the packed weights of a checkpoint, all of them, as if they were packed now. */
async function loadWhole(source: ModelSource, path: string, means: Means): Promise<LoadedModel> {
  const { config, formats, checkExperts } = source
  const file = await openPackedFile(path)
  checkParts(file, blueprintOf(config))
  const layout = layoutOf(config, formats)
  const store = wholeStore(source, layout, means)
  const weights = new SyncFile(path)
  const read = partReader(file, weights, checkExperts)
  try {
    for (const part of layout.parts) {
      const bytes = new Uint8Array(part.bytes)
      read(part, bytes)
      store.place(part, bytes)
    }
  } finally {
    weights.close()
  }
  return modelOf(source, layout, store, new Pool(store.banks, means.threads))
}

/** Store for the weights of a checkpoint, which are all resident. Throws as `checkRoom` does. */
function wholeStore(source: ModelSource, layout: Layout, { bank, bankBytes }: Means): WeightStore {
  const { path, formats } = source
  // The experts may have another format than the one that the packing is named after.
  const quant = formats.head
  checkRoom(
    source,
    layout,
    `${path} in ${quant}`,
    `\na packed model holds only the experts in use: molm convert ${path} OUT --quant ${quant} (takes some 500 MB)`,
  )
  const plan = planBanks(layout, Number.POSITIVE_INFINITY, bankBytes)
  return new WeightStore(layout, plan, bank, () => {
    throw new Error('all experts of a checkpoint are resident')
  })
}
