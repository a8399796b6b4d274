import type { FileSet } from '../../../ground/files/byte-source.js'
import { openCheckpoint } from '../../checkpoint/checkpoint.js'
import type { Tensor } from '../../checkpoint/tensor.js'
import type { TensorRule } from '../../checkpoint/tensor-rules.js'
import { formatsFor, type PartFormats, type Quant } from '../format/formats.js'
import type { Blueprint } from '../format/layout.js'

/** A model that is open for packing, whatever files it comes from. */
export interface PackSource {
  /** Name for error messages: a folder, a file or a repository. */
  name: string
  /** Readable until the source is closed. */
  tensors: Map<string, Tensor>
  /** Files of the weights, by their names in the folder or repository. */
  files: readonly WeightFile[]
  blueprint: Blueprint
  /** Files that go with the weights; config.json is one of them. */
  companions: FileSet
  /** Lines for the user about these files; absent if there is nothing to say. */
  warnings?: () => string[]
  quant: Quant
  formats: PartFormats
  /** Closes the files. May be called more than once. */
  close(): Promise<void>
}

export interface WeightFile {
  name: string
  bytes: number
}

/** Reads a parsed config.json; errors begin with `path`. */
export type ReadBlueprint = (json: unknown, path: string) => Blueprint

/** Opens a Hugging Face checkpoint. Rejects with a UserError that names what is missing or damaged. */
export async function openCheckpointSource(
  files: FileSet,
  quant: Quant,
  readBlueprint: ReadBlueprint,
  rules?: readonly TensorRule[],
): Promise<PackSource> {
  const { name, config, tensors, files: weights, close } = await openCheckpoint(files, rules)
  try {
    const blueprint = readBlueprint(config, `${name}/config.json`)
    const bytes = new Map([...tensors.values()].map(({ source }) => [source.name, source.size]))
    return {
      name,
      tensors,
      files: weights.map((file) => ({ name: file, bytes: bytes.get(`${name}/${file}`) ?? 0 })),
      blueprint,
      companions: files,
      quant,
      formats: checkpointFormats(blueprint, quant, tensors.keys()),
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** Ends of the names of the two tensors of MXFP4 weights. */
const MXFP4_TENSOR = /_(blocks|scales)$/

/** Formats of a packing. Names of tensors decide on MXFP4, since fine-tunes in floats have the same config.json. */
export function checkpointFormats(
  { readsMxfp4 }: Pick<Blueprint, 'readsMxfp4'>,
  quant: Quant,
  tensors: Iterable<string>,
): PartFormats {
  const isMxfp4 = readsMxfp4 && [...tensors].some((name) => MXFP4_TENSOR.test(name))
  return formatsFor(quant, isMxfp4 ? 'mxfp4' : 'floats')
}
