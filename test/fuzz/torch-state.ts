import { bytesOf, type ElementType } from '#molm/model/checkpoint/dtype.js'
import type { Py } from '../support/pickle-writer.js'
import { orderedDict, type SavedStorage, storageId, tensor } from '../support/torch-writer.js'
import type { Chance } from './chance.js'

const STORAGES: Record<string, ElementType> = {
  ...{ FloatStorage: 'F32', HalfStorage: 'F16', BFloat16Storage: 'BF16', DoubleStorage: 'F64', LongStorage: 'I64' },
  ...{ IntStorage: 'I32', ShortStorage: 'I16', CharStorage: 'I8', ByteStorage: 'U8', BoolStorage: 'BOOL' },
}

const HOSTILE = [-1, 0.5, 2 ** 31, 2 ** 32, 2 ** 53, 2n ** 63n, 2n ** 64n, -(2n ** 63n), 1e300]

/** A state dict, and the shape of each of its tensors. */
export interface TorchState {
  root: Py
  storages: SavedStorage[]
  shapes: Record<string, number[]>
}

/** A state dict with a few views of a few storages. `wild`: one number in `wild` is invalid; 0 for none. */
export function torchState(chance: Chance, wild = 0): TorchState {
  const number = (value: number) => {
    if (wild === 0 || !chance.oneIn(wild)) return value
    const other = chance.oneIn(2) ? value + chance.pick([-1, 1, 7, 1000]) : chance.pick(HOSTILE)
    chance.note(`state dict: ${other} in place of ${value}`)
    return other as number
  }
  const storages = Array.from({ length: chance.between(1, 4) }, (_, i): SavedStorage => {
    const type = chance.pick(Object.keys(STORAGES))
    const elements = chance.size(40)
    const data = chance.bytes(bytesOf(STORAGES[type], elements))
    return { key: String(i), type, elements, data }
  })
  const shapes: Record<string, number[]> = {}
  const items: [Py, Py][] = []
  // Storages without a view are not written, since torch.save does not know them.
  const used = new Set<SavedStorage>()
  for (let i = chance.below(5); i >= 0; i--) {
    const storage = chance.pick(storages)
    used.add(storage)
    const { first, shape, strides } = viewOf(storage.elements, chance)
    shapes[`layers.${i}.weight`] = shape
    const id = storageId({ ...storage, elements: number(storage.elements) })
    items.push([`layers.${i}.weight`, tensor(id, number(first), shape.map(number), strides.map(number))])
  }
  return { root: orderedDict(items, chance.oneIn(3)), storages: [...used], shapes }
}

/** A view of some elements of a storage. */
function viewOf(elements: number, chance: Chance): { first: number; shape: number[]; strides: number[] } {
  if (elements === 0) return { first: 0, shape: [0], strides: [1] }
  const first = chance.below(elements)
  const shape: number[] = []
  const strides: number[] = []
  let room = elements - 1 - first
  for (let dim = chance.below(4); dim > 0; dim--) {
    const stride = chance.below(7)
    const size = 1 + Math.min(chance.below(4), stride === 0 ? 3 : Math.floor(room / stride))
    shape.push(size)
    strides.push(stride)
    room -= (size - 1) * stride
  }
  return { first, shape, strides }
}
