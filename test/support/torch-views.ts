import { Call, type Py, Tuple } from './pickle-writer.js'
import { floatStorage, orderedDict, REBUILD_PARAMETER, type SavedStorage, storageId, tensor } from './torch-writer.js'

const COUNTING = Array.from({ length: 24 }, (_, i) => i)
const storages: SavedStorage[] = [
  floatStorage('0', COUNTING),
  floatStorage('1', [1.5, -2.5]),
  {
    key: '2',
    type: 'HalfStorage',
    elements: 4,
    data: new Uint8Array(Uint16Array.of(0x3c00, 0x7bff, 1, 0x7c00).buffer),
  },
  { key: '3', type: 'BFloat16Storage', elements: 2, data: new Uint8Array(Uint16Array.of(0x3f80, 0xbf00).buffer) },
  { key: '4', type: 'CharStorage', elements: 2, data: Uint8Array.of(1, 255) },
  floatStorage('5', [7, 8]),
  { key: '6', type: 'LongStorage', elements: 1, data: new Uint8Array(BigInt64Array.of(3n).buffer) },
  floatStorage('7', []),
]

/** A state dict with views of every kind, the same as PyTorch saved in test/model/checkpoint/saved-by-torch. */
export function stateOfViews(): { root: Py; storages: SavedStorage[] } {
  const [base, pair, half, bfloat, mask, parameter, long, empty] = storages.map((storage) => storageId(storage))
  const whole = tensor(base, 0, [4, 6], [6, 1])
  const root = orderedDict(
    [
      ['base', whole],
      ['transposed', tensor(base, 0, [6, 4], [1, 6])],
      ['column', tensor(base, 2, [4], [6])],
      ['block', tensor(base, 8, [2, 3], [6, 1])],
      ['every_other', tensor(base, 0, [2, 2], [12, 3])],
      ['expanded', tensor(pair, 0, [3, 2], [0, 1])],
      ['half', tensor(half, 0, [4], [1])],
      ['bfloat', tensor(bfloat, 0, [1, 2], [2, 1])],
      ['mask', tensor(mask, 0, [2], [1])],
      ['parameter', new Call(REBUILD_PARAMETER, new Tuple(tensor(parameter, 0, [2], [1]), true, orderedDict([])))],
      ['scalar', tensor(long, 0, [], [])],
      ['empty', tensor(empty, 0, [0, 3], [3, 1])],
      ['alias', whole],
    ],
    true,
  )
  return { root, storages }
}

/** Values of those tensors in logical order. */
export const VALUES_OF_VIEWS: Record<string, { dtype: string; shape: number[]; values: number[] }> = {
  base: { dtype: 'F32', shape: [4, 6], values: COUNTING },
  transposed: { dtype: 'F32', shape: [6, 4], values: COUNTING.map((i) => (i % 4) * 6 + Math.floor(i / 4)) },
  column: { dtype: 'F32', shape: [4], values: [2, 8, 14, 20] },
  block: { dtype: 'F32', shape: [2, 3], values: [8, 9, 10, 14, 15, 16] },
  every_other: { dtype: 'F32', shape: [2, 2], values: [0, 3, 12, 15] },
  expanded: { dtype: 'F32', shape: [3, 2], values: [1.5, -2.5, 1.5, -2.5, 1.5, -2.5] },
  half: { dtype: 'F16', shape: [4], values: [1, 65504, 2 ** -24, Number.POSITIVE_INFINITY] },
  bfloat: { dtype: 'BF16', shape: [1, 2], values: [1, -0.5] },
  mask: { dtype: 'I8', shape: [2], values: [1, -1] },
  parameter: { dtype: 'F32', shape: [2], values: [7, 8] },
  scalar: { dtype: 'I64', shape: [], values: [3] },
  empty: { dtype: 'F32', shape: [0, 3], values: [] },
  alias: { dtype: 'F32', shape: [4, 6], values: COUNTING },
}
