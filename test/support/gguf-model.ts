import { seededRandom } from '#molm/engine/sampling/random.js'
import { localFolder, openCheckpoint } from '#molm/model/checkpoint/checkpoint.js'
import { type BlockType, blockOf } from '#molm/model/checkpoint/dtype.js'
import { ggufTensors, type NamedTensor, textConfigOf } from './gguf-checkpoint.js'
import { ggufMetadata } from './gguf-metadata.js'
import { type GgufTensor, type GgufValue, ggufFile, splitGguf, u32 } from './gguf-writer.js'
import { randomBlocks } from './random-blocks.js'

export type TypeName = 'F32' | 'F16' | 'BF16' | BlockType

/** ggml's numbers. */
export const TYPE_NUMBERS: Readonly<Record<TypeName, number>> = {
  ...{ F32: 0, F16: 1, BF16: 30, Q4_0: 2, Q4_1: 3, Q5_0: 6, Q5_1: 7, Q8_0: 8 },
  ...{ Q4_K: 12, Q5_K: 13, Q6_K: 14, IQ4_NL: 20, MXFP4: 39 },
}

/** Choices of a file that leave the model the same. */
export interface GgufChoices {
  /** Element type of a tensor that may be other than F32. Default F32. Rows that do not fit fall back. */
  typeOf?: (name: string) => TypeName
  alignment?: number
  /** Seed of a random order of the tensors. */
  shuffle?: number
  /** Number of files. The first one has no tensors if `emptyFirst` is true. */
  parts?: number
  emptyFirst?: boolean
  /** Drops dimensions of 1 at the outside, as llama.cpp's own quantizer does. */
  squeezed?: boolean
  /** Joins the gate and up matrices of all experts, as `--fuse-gate-up-exps` of the converter does. */
  joined?: boolean
  /** Stores keys and values of latents as one tensor, as old converters did. */
  keepsLatents?: boolean
}

/** Tensors that llama.cpp always stores as F32. */
const ALWAYS_FLOATS =
  /(_norm\.weight|\.bias|_sinks\.weight|ffn_gate_inp(_shexp)?\.weight|shortconv\.conv\.weight|ssm_(a|d|conv1d\.weight))$/

/** Contents of a file before they are written. */
export interface GgufModel {
  metadata: Map<string, GgufValue>
  tensors: GgufTensor[]
}

/** A checkpoint's model with the metadata and tensors of one file. */
export async function ggufModelOf(checkpoint: string, choices: GgufChoices = {}): Promise<GgufModel> {
  const { typeOf = () => 'F32', shuffle, squeezed = false, joined = false } = choices
  const checkpointOf = await openCheckpoint(localFolder(checkpoint))
  const opened = choices.keepsLatents
    ? Object.assign(checkpointOf, { config: { ...checkpointOf.config, keeps_kv_b: true } })
    : checkpointOf
  const found = await ggufTensors(opened).finally(() => opened.close())
  const tensors = (joined ? joinGateAndUp(found) : found).map((tensor) => storedTensor(tensor, typeOf, squeezed))
  if (shuffle !== undefined) shuffleAll(tensors, shuffle)
  const metadata = ggufMetadata(textConfigOf(opened))
  if (choices.alignment !== undefined) metadata.set('general.alignment', u32(choices.alignment))
  return { metadata, tensors }
}

/** The bytes of a model's files by name. The first name is the file to open. */
export function ggufFiles(
  { metadata, tensors }: GgufModel,
  name: string,
  choices: GgufChoices,
): Map<string, Uint8Array> {
  const { alignment, parts = 1, emptyFirst = false } = choices
  if (parts === 1) return new Map([[`${name}.gguf`, ggufFile(metadata, tensors, alignment)]])
  const size = Math.ceil(tensors.length / (emptyFirst ? parts - 1 : parts))
  const groups = Array.from({ length: parts }, (_, part) => {
    const at = emptyFirst ? part - 1 : part
    return at < 0 ? [] : tensors.slice(at * size, (at + 1) * size)
  })
  return splitGguf(name, metadata, groups, alignment)
}

function storedTensor(
  { name, shape, values, mxfp4 }: NamedTensor,
  typeOf: (name: string) => TypeName,
  isSqueezed: boolean,
): GgufTensor {
  const sizes = isSqueezed ? shape.slice(shape.findIndex((n) => n !== 1)) : shape
  const ne = sizes.toReversed()
  if (mxfp4) return { name, type: TYPE_NUMBERS.MXFP4, ne, data: mxfp4 }
  const isFloats = shape.length === 1 || ALWAYS_FLOATS.test(name)
  const type = isFloats ? 'F32' : typeForRows(typeOf(name), ne[0])
  return { name, type: TYPE_NUMBERS[type], ne, data: encodeTensor(type, values) }
}

/** A type for rows of this length: blocks of other sizes are stored as halves. */
function typeForRows(name: TypeName, length: number): TypeName {
  return isFloatType(name) || length % blockOf(name).elements === 0 ? name : 'F16'
}

const isFloatType = (name: TypeName): name is 'F32' | 'F16' | 'BF16' => ['F32', 'F16', 'BF16'].includes(name)

/** Floats with the bits that the type has, or random blocks. */
function encodeTensor(name: TypeName, values: Float32Array): Uint8Array {
  if (!isFloatType(name)) return randomBlocks(name, values.length / blockOf(name).elements, 3)
  const bits = new Uint32Array(values.slice().buffer)
  if (name === 'F32') return new Uint8Array(bits.buffer)
  return new Uint8Array(Uint16Array.from(bits, name === 'BF16' ? (word) => word >>> 16 : toHalf).buffer)
}

/** Bits of a half, from the bits of a float32 of its range. */
function toHalf(word: number): number {
  const [sign, exponent, fraction] = [(word >>> 16) & 0x8000, ((word >>> 23) & 255) - 112, word & 0x7fffff]
  return (
    sign | (exponent > 0 ? (exponent << 10) | (fraction >> 13) : (fraction | 0x800000) >> Math.min(31, 14 - exponent))
  )
}

function joinGateAndUp(tensors: NamedTensor[]): NamedTensor[] {
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]))
  return tensors.flatMap((tensor) => {
    if (tensor.name.endsWith('ffn_up_exps.weight')) return []
    if (!tensor.name.endsWith('ffn_gate_exps.weight')) return [tensor]
    const up = byName.get(tensor.name.replace('gate', 'up')) as NamedTensor
    const [experts, rows, cols] = tensor.shape
    const values = new Float32Array(2 * tensor.values.length)
    for (let e = 0; e < experts; e++) {
      const part = (of: NamedTensor) => of.values.subarray(e * rows * cols, (e + 1) * rows * cols)
      values.set(part(tensor), 2 * e * rows * cols)
      values.set(part(up), (2 * e + 1) * rows * cols)
    }
    return [{ name: tensor.name.replace('gate', 'gate_up'), shape: [experts, 2 * rows, cols], values }]
  })
}

function shuffleAll<T>(items: T[], seed: number): void {
  const random = seededRandom(seed)
  for (let i = items.length - 1; i > 0; i--) {
    const j = Math.floor(random.nextFloat() * (i + 1))
    ;[items[i], items[j]] = [items[j], items[i]]
  }
}
