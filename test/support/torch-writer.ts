import { Call, Global, Persistent, type Py, pickle, Tuple } from './pickle-writer.js'
import { type ZipFile, zip } from './zip-writer.js'

/** A storage to save. */
export interface SavedStorage {
  key: string
  /** Name in the module torch, such as FloatStorage. */
  type: string
  elements: number
  data: Uint8Array
}

export const REBUILD_TENSOR = new Global('torch._utils', '_rebuild_tensor_v2')
export const REBUILD_PARAMETER = new Global('torch._utils', '_rebuild_parameter')
const ORDERED_DICT = new Global('collections', 'OrderedDict')

/** float32 values as a storage. */
export function floatStorage(key: string, values: number[]): SavedStorage {
  const data = new Uint8Array(Float32Array.from(values).buffer)
  return { key, type: 'FloatStorage', elements: values.length, data }
}

/** The pickle's reference to a storage. */
export function storageId({ type, key, elements }: SavedStorage): Persistent {
  return new Persistent(new Tuple('storage', new Global('torch', type), key, 'cpu', elements))
}

/** A tensor: a view of a storage. */
export function tensor(storage: Persistent, first: number, shape: number[], strides: number[]): Call {
  const hooks = orderedDict([])
  return new Call(REBUILD_TENSOR, new Tuple(storage, first, new Tuple(...shape), new Tuple(...strides), false, hooks))
}

/** An OrderedDict; on request with _metadata, as Module.state_dict() adds it. */
export function orderedDict(items: [Py, Py][], withMetadata = false): Call {
  const metadata = () => orderedDict([['', new Map<Py, Py>([['version', 1]])]])
  const state = withMetadata ? new Map<Py, Py>([['_metadata', metadata()]]) : undefined
  return new Call(ORDERED_DICT, new Tuple(), items, state)
}

/** A torch.save file. */
export function torchZip(
  root: Py,
  storages: SavedStorage[],
  { protocol = 2 as 2 | 4, folder = 'pytorch_model', byteorder = 'little', wide = false, zip64 = true } = {},
): Uint8Array {
  return torchZipOf(pickle(root, protocol), storages, { folder, byteorder, wide, zip64 })
}

/** The same with the given bytes as the pickle. */
export function torchZipOf(
  pickled: Uint8Array,
  storages: SavedStorage[],
  { folder = 'pytorch_model', byteorder = 'little', wide = false, zip64 = true } = {},
): Uint8Array {
  const data: ZipFile[] = storages.map(({ key, data }) => ({ name: `${folder}/data/${key}`, bytes: data }))
  const order = byteorder ? [{ name: `${folder}/byteorder`, bytes: byteorder }] : []
  return zip(
    [{ name: `${folder}/data.pkl`, bytes: pickled }, ...order, ...data, { name: `${folder}/version`, bytes: '3\n' }],
    { wide, zip64 },
  )
}
