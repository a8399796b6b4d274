import { UserError } from '../../ground/errors.js'
import type { ByteSource } from '../../ground/files/byte-source.js'
import { printable } from '../../ground/printable.js'
import { bytesOf, type ElementType } from './dtype.js'
import {
  MOST_PICKLE_BYTES,
  PickleCallable,
  type PickleHost,
  PickleObject,
  type PickleValue,
  unpickle,
} from './pickle.js'
import { isSizes, type Tensor, tensorIn } from './tensor.js'
import { ZipArchive, type ZipEntry } from './zip.js'

/**
 * Reads the tensors of a file from torch.save since version 1.6: a zip archive of NAME/data.pkl, the pickled state
 * dict, and NAME/data/KEY, the elements of each storage. Rejects with a UserError if anything is inconsistent.
 */
export async function readTorchZip(source: ByteSource): Promise<Tensor[]> {
  const archive = await ZipArchive.open(source)
  const [folder, pickle] = findPickle(source, archive)
  await checkByteOrder(source, archive, folder)
  const host = new TorchHost(source.name)
  const state = unpickle(await archive.read(pickle, MOST_PICKLE_BYTES), host)
  if (state === undefined) throw new UserError(`${source.name}: its pickle is cut short; fetch the file again`)
  const views = host.stateDict(state)

  const places = new Map<string, StoragePlace>()
  // All at once, because over a network each takes long to arrive.
  await Promise.all(
    [...new Set([...views.values()].map((view) => view.storage.key))].map(async (key) => {
      const entry = archive.entries.get(`${folder}data/${key}`)
      if (entry) places.set(key, { offset: await archive.locate(entry), bytes: entry.bytes })
    }),
  )
  return placeTensors(source, views, places)
}

/** Finds the archive's only folder, with its slash, and the pickle in it. */
function findPickle(source: ByteSource, archive: ZipArchive): [folder: string, entry: ZipEntry] {
  for (const [name, entry] of archive.entries) {
    if (/^([^/]*\/)?data\.pkl$/.test(name)) return [name.slice(0, -'data.pkl'.length), entry]
  }
  throw new UserError(`${source.name}: a zip archive, but not one written by torch.save (it has no data.pkl)`)
}

/** Refuses big-endian files. Those older than the byteorder entry are little-endian, as PyTorch assumes, too. */
async function checkByteOrder(source: ByteSource, archive: ZipArchive, folder: string): Promise<void> {
  const entry = archive.entries.get(`${folder}byteorder`)
  if (!entry) return
  const order = new TextDecoder().decode(await archive.read(entry, 64))
  if (order === 'little') return
  throw new UserError(
    `${source.name}: written in the byte order "${printable(order)}", only little is read; save it again on an ordinary machine`,
  )
}

/** Elements that torch.save writes once, for all tensors that view them. */
class Storage extends PickleObject {
  constructor(
    readonly key: string,
    readonly dtype: ElementType,
    readonly elements: number,
  ) {
    super()
  }
}

/** Tensor as the pickle describes it, before the place of its storage in the file is known. */
class TensorView extends PickleObject {
  constructor(
    readonly storage: Storage,
    /** First element, counted from the first of the storage. */
    readonly first: number,
    // Not copied, because a hostile pickle may share one long list among countless tensors.
    readonly shape: PickleValue,
    readonly strides: PickleValue,
  ) {
    super()
  }
}

class StorageType extends PickleObject {
  constructor(readonly dtype: ElementType) {
    super()
  }
}

/** A torch dtype or device: a name that may be in a file and does not matter for reading its tensors. */
class Remark extends PickleObject {}

const STORAGE_DTYPES = new Map<string, ElementType>([
  ['torch.DoubleStorage', 'F64'],
  ['torch.FloatStorage', 'F32'],
  ['torch.HalfStorage', 'F16'],
  ['torch.BFloat16Storage', 'BF16'],
  ['torch.LongStorage', 'I64'],
  ['torch.IntStorage', 'I32'],
  ['torch.ShortStorage', 'I16'],
  ['torch.CharStorage', 'I8'],
  ['torch.ByteStorage', 'U8'],
  ['torch.BoolStorage', 'BOOL'],
])

const DTYPE_NAME = /^torch\.(float(16|32|64)|bfloat16|u?int8|int(16|32|64)|bool|half|float|double|short|int|long)$/

/**
 * Supplies the names that a pickle of torch.save may refer to, and collects its storages. Only keeps numbers and texts:
 * a name means a function in this file, never anything in the running program.
 */
class TorchHost implements PickleHost {
  private readonly storages = new Map<string, Storage>()

  constructor(readonly file: string) {}

  global(name: string): PickleObject | undefined {
    switch (name) {
      case 'collections.OrderedDict':
        return new PickleCallable((args) => this.orderedDict(args))
      case 'torch._utils._rebuild_tensor_v2':
        return new PickleCallable((args) => this.tensor(args))
      case 'torch._utils._rebuild_parameter':
        return new PickleCallable(([tensor]) => tensor ?? null)
      case 'torch.Size':
        return new PickleCallable(([sizes]) => sizes ?? [])
      case 'torch.device':
        return new PickleCallable(() => new Remark())
    }
    const dtype = STORAGE_DTYPES.get(name)
    if (dtype) return new StorageType(dtype)
    if (DTYPE_NAME.test(name)) return new Remark()
    if (/^torch\.[A-Za-z0-9]+Storage$/.test(name)) {
      const known = [...STORAGE_DTYPES.keys()].map((known) => known.replace(/^torch\.|Storage$/g, '')).join(', ')
      throw new UserError(`${this.file}: holds tensors of the unknown dtype ${printable(name)} (known: ${known})`)
    }
    if (/^torch\._utils\._rebuild_\w+$/.test(name)) {
      throw new UserError(
        `${this.file}: holds tensors of an unknown dtype or layout (made by ${printable(name)}); ` +
          'save them as dense float32, float16 or bfloat16',
      )
    }
    return undefined
  }

  /** ('storage', type, key, device, elements) */
  persistent(id: PickleValue): PickleValue {
    if (!Array.isArray(id) || id[0] !== 'storage') throw this.broken('it refers to something that is not a storage')
    const [, type, key, , size, ...others] = id
    if (others.length > 0) throw this.broken('it has a view of a storage')
    if (!(type instanceof StorageType) || typeof key !== 'string') throw this.broken('it has a storage without a type')
    const storage = new Storage(key, type.dtype, this.count(size))
    const known = this.storages.get(key) ?? storage
    this.storages.set(key, known)
    if (known.dtype === storage.dtype && known.elements === storage.elements) return known
    throw this.broken(`it describes storage ${printable(key)} in two ways`)
  }

  /** Returns the tensors of a state dict by name, without entries of other kinds (numbers, texts). */
  stateDict(root: PickleValue): Map<string, TensorView> {
    if (!(root instanceof Map)) throw new UserError(`${this.file}: holds no state dict, but something else`)
    const tensors = new Map<string, TensorView>()
    for (const [name, value] of root) {
      if (typeof name === 'string' && value instanceof TensorView) tensors.set(name, value)
    }
    if (tensors.size === 0 && root.size > 0) {
      throw new UserError(`${this.file}: holds no tensors by name at its top level; save model.state_dict() instead`)
    }
    return tensors
  }

  /** OrderedDict(); its items follow as opcodes of their own. */
  private orderedDict(args: PickleValue[]): PickleValue {
    if (args.length > 0) throw this.broken('it makes an OrderedDict in an unknown way')
    return new Map()
  }

  /** _rebuild_tensor_v2(storage, first, size, stride, requires_grad, backward_hooks, metadata = None) */
  private tensor([storage, first, size, stride, , , metadata = null]: PickleValue[]): PickleValue {
    if (!(storage instanceof Storage)) throw this.broken('it has a tensor without a storage')
    // Metadata marks lazily conjugated or negated tensors, whose stored numbers are not their values.
    if (metadata instanceof Map && metadata.size > 0) {
      throw new UserError(
        `${this.file}: holds a lazily negated tensor; resolve it (tensor.resolve_neg()) and save again`,
      )
    }
    return new TensorView(storage, this.count(first), size ?? null, stride ?? null)
  }

  private count(value: PickleValue): number {
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
    throw this.broken(`it has the impossible size, stride or offset ${describe(value)}`)
  }

  private broken(why: string): UserError {
    return new UserError(`${this.file}: its pickle cannot be read, ${why}; fetch the file again`)
  }
}

/** Place of a storage's data: byte offset in the source, and length. */
interface StoragePlace {
  offset: number
  bytes: number
}

/** Connects tensors with the bytes of their storages. Throws a UserError if one would reach outside its storage. */
function placeTensors(
  source: ByteSource,
  views: ReadonlyMap<string, TensorView>,
  places: ReadonlyMap<string, StoragePlace>,
): Tensor[] {
  return [...views].map(([name, { storage, first, shape, strides }]) => {
    const { key, dtype, elements } = storage
    const place = places.get(key)
    const size = bytesOf(dtype, 1)
    if (!place || elements * size > place.bytes) {
      const found = place ? `${place.bytes} bytes` : 'nothing'
      throw new UserError(
        `${source.name}: tensor ${printable(name)} needs a storage of ${elements * size} bytes, the file has ${found}; fetch it again`,
      )
    }
    if (!isSizes(shape) || !isSizes(strides)) {
      throw new UserError(`${source.name}: tensor ${printable(name)} has an impossible shape; fetch the file again`)
    }
    const extent = { source, offset: place.offset, bytes: elements * size }
    return tensorIn(extent, { name, dtype, shape, strides, first })
  })
}

function describe(value: PickleValue): string {
  return typeof value === 'number' || typeof value === 'bigint' ? printable(String(value)) : typeof value
}
