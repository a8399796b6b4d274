import { joinBytes, littleEndian } from './bytes.js'
import { Call, Global, Persistent, type Py, pickle, Tuple } from './pickle-writer.js'
import { type ZipFile, zip } from './zip-writer.js'

/** A storage to save. */
export interface SavedStorage {
  key: string
  /** Name in the module torch, such as FloatStorage. */
  type: string
  elements: number
  data: Uint8Array
  /** Legacy form only: the part of the storage in use, as (key, first element, elements). */
  view?: [string, number, number]
}

export const REBUILD_TENSOR = new Global('torch._utils', '_rebuild_tensor_v2')
export const REBUILD_PARAMETER = new Global('torch._utils', '_rebuild_parameter')
const ORDERED_DICT = new Global('collections', 'OrderedDict')

/** float32 values as a storage. */
export function floatStorage(key: string, values: number[]): SavedStorage {
  const data = new Uint8Array(Float32Array.from(values).buffer)
  return { key, type: 'FloatStorage', elements: values.length, data }
}

/** The pickle's reference to a storage, with six entries in the legacy form and five in the zip form. */
export function storageId(storage: SavedStorage, form: 'zip' | 'legacy'): Persistent {
  const view = storage.view ? new Tuple(...storage.view) : null
  const id = ['storage', new Global('torch', storage.type), storage.key, 'cpu', storage.elements]
  return new Persistent(new Tuple(...id, ...(form === 'legacy' ? [view] : [])))
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

/** A torch.save file in the zip form. */
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

export const MAGIC_NUMBER = 0x1950a86a20f9469cfc6cn
const SYSTEM = new Map<Py, Py>([
  ['protocol_version', 1001],
  ['little_endian', true],
  [
    'type_sizes',
    new Map<Py, Py>([
      ['short', 2],
      ['int', 4],
      ['long', 4],
    ]),
  ],
])

/** A torch.save file in the legacy form. */
export function torchLegacy(root: Py, storages: SavedStorage[], protocol: 2 | 4 = 2): Uint8Array {
  return torchLegacyOf(pickle(root, protocol), storages, protocol)
}

/** The same with the given bytes as the state dict's pickle. */
export function torchLegacyOf(pickled: Uint8Array, storages: SavedStorage[], protocol: 2 | 4 = 2): Uint8Array {
  return joinBytes(
    pickle(MAGIC_NUMBER, protocol),
    pickle(1001, protocol),
    pickle(SYSTEM, protocol),
    pickled,
    pickle(
      storages.map(({ key }) => key),
      protocol,
    ),
    ...storages.flatMap(({ elements, data }) => [littleEndian(elements, 8), data]),
  )
}
