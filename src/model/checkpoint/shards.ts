import { UserError } from '../../ground/errors.js'
import { type ByteSource, type FileSet, isPlainName } from '../../ground/files/byte-source.js'
import { readJsonObject } from '../../ground/files/small-file.js'
import { isObject } from '../../ground/json/json.js'
import { printable } from '../../ground/printable.js'
import { readSafetensors } from './safetensors.js'
import type { Tensor } from './tensor.js'

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

/** Adds the tensors of a file. Of a shard it adds the tensors that the index places there; all of them must exist. */
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

const LFS_POINTER = 'version https://git-lfs'

/** First byte of the pickles that torch.save wrote before PyTorch 1.6. */
const PICKLE_START = 0x80

/** Reads the tensors of one file of weights. Rejects with a UserError that names the file. */
export async function readWeightFile(source: ByteSource, format: 'safetensors' | 'torch'): Promise<Tensor[]> {
  if (source.size === 0) throw new UserError(`${source.name}: the file is empty; fetch it again`)
  const head = await source.read(0, Math.min(source.size, LFS_POINTER.length))
  if (new TextDecoder().decode(head) === LFS_POINTER) {
    throw new UserError(`${source.name}: a Git LFS pointer, not the weights themselves; fetch them with: git lfs pull`)
  }
  if (format === 'safetensors') return (await readSafetensors(source)).tensors
  // Imported here, so that reading safetensors does not load these modules.
  const [{ readTorchZip }, { ZIP_SIGNATURE }] = await Promise.all([import('./torch-zip.js'), import('./zip.js')])
  if (head.length >= 4 && new DataView(head.buffer, head.byteOffset).getUint32(0, true) === ZIP_SIGNATURE) {
    return readTorchZip(source)
  }
  if (head[0] === PICKLE_START) {
    throw new UserError(
      `${source.name}: in the form of PyTorch before 1.6; save it again with a later one: torch.save(torch.load(FILE), FILE)`,
    )
  }
  throw new UserError(`${source.name}: not a file written by torch.save`)
}
