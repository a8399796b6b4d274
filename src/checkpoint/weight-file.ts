import { UserError } from '../errors.js'
import type { ByteSource } from './byte-source.js'
import { readSafetensors } from './safetensors.js'
import type { Tensor } from './tensor.js'

const LFS_POINTER = 'version https://git-lfs'

/**
 * First bytes of pickles: PROTO from torch.save, and GLOBAL from a crafted pickle, so that the reader can name what it
 * requests.
 */
const PICKLE_STARTS = [0x80, 0x63]

/** Reads the tensors of one file of weights. Rejects with a UserError that names the file. */
export async function readWeightFile(source: ByteSource, format: 'safetensors' | 'torch'): Promise<Tensor[]> {
  if (source.size === 0) throw new UserError(`${source.name}: the file is empty; fetch it again`)
  const head = await source.read(0, Math.min(source.size, LFS_POINTER.length))
  if (new TextDecoder().decode(head) === LFS_POINTER) {
    throw new UserError(`${source.name}: a Git LFS pointer, not the weights themselves; fetch them with: git lfs pull`)
  }
  if (format === 'safetensors') return (await readSafetensors(source)).tensors
  // Imported here, so that reading safetensors does not load these modules.
  const [{ readTorchLegacy }, { readTorchZip }, { ZIP_SIGNATURE }] = await Promise.all([
    import('./torch-legacy.js'),
    import('./torch-zip.js'),
    import('./zip.js'),
  ])
  if (head.length >= 4 && new DataView(head.buffer, head.byteOffset).getUint32(0, true) === ZIP_SIGNATURE) {
    return readTorchZip(source)
  }
  if (PICKLE_STARTS.includes(head[0])) return readTorchLegacy(source)
  throw new UserError(`${source.name}: not a file written by torch.save (neither a zip archive nor its older form)`)
}
