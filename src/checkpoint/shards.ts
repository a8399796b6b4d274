import { UserError } from '../errors.js'
import { isObject } from '../json.js'
import { printable } from '../printable.js'
import { type ByteSource, type FileSet, isPlainName } from './byte-source.js'
import { readJsonObject } from './small-file.js'
import type { Tensor } from './tensor.js'
import { readWeightFile } from './weight-file.js'

type WeightFormat = Parameters<typeof readWeightFile>[1]

/** Files that may hold a checkpoint's weights, in the order of preference of Hugging Face's own loader. */
const WEIGHTS: readonly { file: string; format: WeightFormat; isIndex: boolean }[] = [
  { file: 'model.safetensors', format: 'safetensors', isIndex: false },
  { file: 'model.safetensors.index.json', format: 'safetensors', isIndex: true },
  { file: 'pytorch_model.bin', format: 'torch', isIndex: false },
  { file: 'pytorch_model.bin.index.json', format: 'torch', isIndex: true },
]

/** Weights of a checkpoint with its open files. */
export interface Weights {
  tensors: Map<string, Tensor>
  sources: ByteSource[]
  /** Names of the files. */
  files: string[]
}

/** Whether a list of files has weights in a known form. */
export function hasWeights(listing: readonly string[]): boolean {
  return WEIGHTS.some(({ file }) => listing.includes(file))
}

/**
 * Opens the weights of a checkpoint: one file, or the shards that an index names. Rejects with a UserError that names
 * the file, shard or tensor that is missing; then no file stays open.
 */
export async function openWeights(files: FileSet, listing: readonly string[]): Promise<Weights> {
  const found = WEIGHTS.find(({ file }) => listing.includes(file))
  if (!found) {
    const names = WEIGHTS.map(({ file }) => file).join(', ')
    throw new UserError(`${files.name}: no weights in this folder (looked for ${names})`)
  }
  const index = found.isIndex ? await readIndex(files, listing, found.file) : undefined
  const names = index ? [...index.keys()].sort() : [found.file]
  const weights: Weights = { tensors: new Map(), sources: [], files: names }
  try {
    for (const name of names) {
      const source = await files.open(name)
      weights.sources.push(source)
      addTensors(weights.tensors, source, await readWeightFile(source, found.format), index?.get(name))
    }
    return weights
  } catch (error) {
    await closeAll(weights.sources)
    throw error
  }
}

/** Closes every source, even if one of them fails to close. */
export async function closeAll(sources: readonly ByteSource[]): Promise<void> {
  await Promise.allSettled(sources.map((source) => source.close()))
}

/** Reads the tensor names by shard from { weight_map: { tensor: shard } }. Every shard must exist. */
async function readIndex(
  files: FileSet,
  listing: readonly string[],
  indexFile: string,
): Promise<Map<string, Set<string>>> {
  const source = await files.open(indexFile)
  try {
    const { weight_map: map } = await readJsonObject(source)
    if (!isObject(map)) throw new UserError(`${source.name}: has no weight_map, which names the file of each tensor`)
    const present = new Set(listing)
    const shards = new Map<string, Set<string>>()
    for (const tensor of Object.keys(map)) {
      const shard = map[tensor]
      if (typeof shard !== 'string' || !isPlainName(shard)) {
        const given = printable(JSON.stringify(shard))
        throw new UserError(
          `${source.name}: places tensor ${printable(tensor)} in ${given}, which is not a file in this folder`,
        )
      }
      if (!present.has(shard)) {
        throw new UserError(
          `${source.name}: names the shard ${printable(shard)}, which is missing; fetch it into this folder`,
        )
      }
      const tensors = shards.get(shard) ?? new Set()
      shards.set(shard, tensors.add(tensor))
    }
    return shards
  } finally {
    await source.close()
  }
}

/** Adds the tensors of a file. Of a shard it adds only those that the index places there; all of them must exist. */
function addTensors(
  tensors: Map<string, Tensor>,
  source: ByteSource,
  found: readonly Tensor[],
  expected: ReadonlySet<string> | undefined,
): void {
  for (const tensor of found) {
    if (!expected || expected.has(tensor.name)) tensors.set(tensor.name, tensor)
  }
  for (const name of expected ?? []) {
    if (tensors.has(name)) continue
    throw new UserError(`${source.name}: lacks tensor ${printable(name)}, which the index places here; fetch it again`)
  }
}
