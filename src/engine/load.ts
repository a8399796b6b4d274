import { closeSync, openSync } from 'node:fs'
import { openCheckpoint } from '../checkpoint/checkpoint.js'
import { localFolder } from '../checkpoint/local-folder.js'
import { UserError } from '../errors.js'
import { BANK_BYTES, leastBudget, planBanks } from '../model/bank-plan.js'
import { ModuleFormer } from '../model/moduleformer.js'
import { fillRandom, randomPool } from '../model/random-weights.js'
import { WeightStore } from '../model/weight-store.js'
import { formatBytes, formatSize } from '../numbers.js'
import { checkTensors } from '../packing/check-tensors.js'
import { nonFiniteWeights, unknownTensors } from '../packing/checkpoint-warnings.js'
import { type Layout, type Part, planLayout } from '../packing/layout.js'
import { type NonFinite, packParts } from '../packing/pack.js'
import { checkParts, openPackedFile } from '../packing/packed-file.js'
import { Bank } from '../runtime/bank.js'
import { Pool } from '../runtime/pool.js'
import { Packer } from './packer.js'
import type { ModelSource } from './protocol.js'
import { ReadAhead } from './read-ahead.js'
import { readFully } from './read-fully.js'

/** A model in memory with its threads. */
export interface LoadedModel {
  model: ModuleFormer
  store: WeightStore
  pool: Pool
  budget: number
  warnings: string[]
  close(): void
}

/** How a model is divided, and who computes. */
interface Means {
  layout: Layout
  module: WebAssembly.Module
  threads: number
  bankBytes: number
}

/**
 * Opens a model: its dense parts are read, experts follow when they are routed to or, where all have room, in the
 * background before; a checkpoint is packed whole.
 * `bankBytes` is the most weights that one WebAssembly memory takes.
 */
export async function loadWeights(
  source: ModelSource,
  module: WebAssembly.Module,
  threads: number,
  bankBytes = BANK_BYTES,
): Promise<LoadedModel> {
  const means = { layout: planLayout(source.config, source.formats), module, threads, bankBytes }
  if (source.kind === 'packed') return loadPacked(source, means)
  if (source.kind === 'random') return loadRandom(source, means)
  return loadCheckpoint(source, means)
}

/** What a model takes besides its weights, as a part of them: activations, caches, the files it is read from. */
const BESIDES_WEIGHTS = 1 / 8

/** Throws a UserError where a model that is held whole does not fit into memory; the system would end the process. */
function checkRoom({ memory, memoryIsGiven, free }: ModelSource, { layout }: Means, what: string, remedy = ''): void {
  if (memoryIsGiven && memory < layout.bytes) {
    const [limit, bytes] = [formatSize(memory), formatSize(layout.bytes)]
    throw new UserError(`--memory ${limit} is too little for ${what}, which is held whole: ${bytes}${remedy}`)
  }
  const wanted = layout.bytes * (1 + BESIDES_WEIGHTS)
  if (!memoryIsGiven && wanted > free) {
    const needs = `needs ${formatBytes(wanted)} of memory, and ${formatBytes(free)} are free`
    throw new UserError(`${what} ${needs}${remedy}`)
  }
}

/** Random weights, all of them resident. */
function loadRandom(source: ModelSource, means: Means): LoadedModel {
  const { layout, module, threads, bankBytes } = means
  const { config, formats } = source
  checkRoom(source, means, 'a model of random weights')
  const bytes = randomPool()
  const fill = (part: Part, target: Uint8Array) => fillRandom(part, target, bytes)
  const plan = planBanks(config, layout, Number.POSITIVE_INFINITY, bankBytes)
  const store = new WeightStore(config, layout, plan, module, fill)
  store.readAll()
  const pool = new Pool(store.banks, threads)
  const model = new ModuleFormer(config, store, pool, formats)
  return { model, store, pool, budget: layout.bytes, warnings: [], close: () => undefined }
}

async function loadPacked(source: ModelSource, means: Means): Promise<LoadedModel> {
  const { layout, module, threads, bankBytes } = means
  const { config, formats, memoryIsGiven } = source
  const least = leastBudget(config, layout, bankBytes)
  const memory = Math.min(layout.bytes, memoryIsGiven ? source.memory : Math.max(source.memory, least))
  if (memory < least) {
    throw new UserError(
      `--memory ${formatSize(memory)} is too little for this model: it needs at least ${formatSize(least)}`,
    )
  }
  const file = await openPackedFile(source.path)
  checkParts(file, layout)
  const descriptor = openSync(source.path, 'r')
  const plan = planBanks(config, layout, memory, bankBytes)
  const store = new WeightStore(config, layout, plan, module, (part, target) => {
    readFully(descriptor, file.path, file.parts.get(part.name)?.offset ?? 0, target)
  })
  const readAhead = ReadAhead.start(store, file)
  store.readDense()
  const pool = new Pool(store.banks, threads)
  const model = new ModuleFormer(config, store, pool, formats)
  const close = () => {
    readAhead?.stop()
    closeSync(descriptor)
  }
  return { model, store, pool, budget: memory, warnings: [], close }
}

async function loadCheckpoint(source: ModelSource, means: Means): Promise<LoadedModel> {
  const { layout, module, threads, bankBytes } = means
  const { config, formats, path } = source
  checkRoom(
    source,
    means,
    `${path} in ${formats.mlp}`,
    `\nof a packed model only the experts in use are held: molm convert ${path} OUT --quant ${formats.mlp} (takes some 500 MB)`,
  )
  const checkpoint = await openCheckpoint(localFolder(path))
  try {
    const unknown = checkTensors(config, checkpoint.tensors, checkpoint.name)
    const plan = planBanks(config, layout, Number.POSITIVE_INFINITY, bankBytes)
    const store = new WeightStore(config, layout, plan, module, () => {
      throw new Error('all experts of a checkpoint are resident')
    })
    // The packer's buffers lie in a bank of their own, the last.
    const packing = new Bank(module)
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
    const model = new ModuleFormer(config, store, pool, formats)
    return { model, store, pool, budget: layout.bytes, warnings, close: () => undefined }
  } finally {
    await checkpoint.close()
  }
}
