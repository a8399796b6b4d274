import { readFile } from 'node:fs/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readTorchLegacy } from '#molm/model/checkpoint/torch-legacy.js'
import { indexOfText, joinBytes, littleEndian, patched } from '../../support/bytes.js'
import { refusesEveryTruncation, survivesEveryDamage } from '../../support/damage.js'
import { bytesSource } from '../../support/memory-files.js'
import { Call, Global, type Py, pickle, Tuple } from '../../support/pickle-writer.js'
import { readAll } from '../../support/read-all.js'
import { rejectsWithUserError } from '../../support/rejects.js'
import { stateOfViews, VALUES_OF_VIEWS } from '../../support/torch-views.js'
import {
  floatStorage,
  MAGIC_NUMBER,
  type SavedStorage,
  storageId,
  tensor,
  torchLegacy,
} from '../../support/torch-writer.js'

const SAVED = new URL('../../../../test/model/checkpoint/saved-by-torch/', import.meta.url)

const read = (file: Uint8Array) => readTorchLegacy(bytesSource(file, 'weights.bin'))
const refuses = (file: Uint8Array, pattern: RegExp) => rejectsWithUserError(() => read(file), pattern)

const storage = floatStorage('94510', [1, 2, 3, 4])
const dict = (...items: [Py, Py][]) => new Map<Py, Py>(items)
const whole = (of: SavedStorage) => tensor(storageId(of, 'legacy'), 0, [of.elements], [1])
const FILE = torchLegacy(dict(['w', whole(storage)]), [storage])

test('files that PyTorch saved are read, including views', async () => {
  for (const name of ['views-legacy.bin', 'views-legacy-protocol4.bin']) {
    assert.equal(await readAll(await read(await readFile(new URL(name, SAVED)))), VALUES_OF_VIEWS, name)
  }
})

test('views of shared storages are read in protocols 2 and 4', async () => {
  const { root, storages } = stateOfViews('legacy')
  for (const protocol of [2, 4] as const) {
    assert.equal(await readAll(await read(torchLegacy(root, storages, protocol))), VALUES_OF_VIEWS)
  }
})

test('storages are found in the order of the list of keys, not of the tensors', async () => {
  const other = floatStorage('7', [5])
  const root = dict(['w', whole(storage)], ['v', whole(other)])
  const found = await readAll(await read(torchLegacy(root, [other, storage])))
  assert.equal([found.w.values, found.v.values], [[1, 2, 3, 4], [5]])
})

test('offsets in an old view are relative to the view, and stay inside it', async () => {
  const view = (first: number, elements: number): SavedStorage => ({ ...storage, view: ['99', first, elements] })
  const over = (of: SavedStorage, first: number, shape: number[]) =>
    torchLegacy(dict(['w', tensor(storageId(of, 'legacy'), first, shape, [1])]), [storage])
  assert.equal((await readAll(await read(over(view(1, 2), 0, [2])))).w.values, [2, 3])
  assert.equal((await readAll(await read(over(view(1, 3), 2, [1])))).w.values, [4])
  await refuses(over(view(1, 2), 0, [3]), /tensor w reaches 12 bytes into a storage of 8/)
  await refuses(over(view(1, 2), 2, [1]), /tensor w reaches/)
  await refuses(over(view(2, 3), 0, [1]), /views more of storage 94510 than exists/)
  await refuses(over(view(2 ** 53 - 1, 2 ** 53 - 1), 0, [1]), /views more of storage/)
  await refuses(over(view(-1, 2), 0, [1]), /impossible size, stride or offset -1/)
})

test('a view cannot reach outside its storage', async () => {
  for (const [first, shape, strides] of [
    [0, [5], [1]],
    [4, [1], [1]],
    [0, [2], [4]],
    [0, [2], [2 ** 50]],
  ] as const) {
    const w = tensor(storageId(storage, 'legacy'), first, [...shape], [...strides])
    await refuses(torchLegacy(dict(['w', w]), [storage]), /tensor w reaches/)
  }
})

test('a forbidden global anywhere in the file is named', async () => {
  const evil = new Call(new Global('posix', 'system'), new Tuple('touch hurt'))
  for (const protocol of [2, 4] as const) {
    await refuses(torchLegacy(dict(['w', evil]), [storage], protocol), /weights\.bin: refused.* asks for posix\.system/)
    await refuses(pickle(evil, protocol), /asks for posix\.system/)
  }
  await refuses(joinBytes(pickle(MAGIC_NUMBER), pickle(evil)), /asks for posix\.system/)
})

test('storages and their list must fit the tensors', async () => {
  const other = floatStorage('7', [5])
  await refuses(
    torchLegacy(dict(['w', whole(storage)]), []),
    /tensor w needs a storage of 16 bytes, the file has nothing/,
  )
  await refuses(torchLegacy(dict(['w', whole(storage)]), [storage, other]), /list of storages does not fit/)
  await refuses(torchLegacy(dict(['w', whole(storage)]), [storage, storage]), /list of storages does not fit/)
  const count = FILE.length - 16 - 8
  for (const elements of [0n, 3n, 5n, 2n ** 40n, 2n ** 63n, 2n ** 64n - 1n]) {
    await refuses(
      patched(FILE, count, littleEndian(elements, 8)),
      /storage 94510 has -?\d+ elements, its tensors expect 4/,
    )
  }
  const huge = { ...storage, elements: 2 ** 45 }
  await refuses(torchLegacy(dict(['w', tensor(storageId(huge, 'legacy'), 0, [4], [1])]), [huge]), /cut short/)
})

test('other pickles and other versions are refused', async () => {
  await refuses(pickle('hello'), /a pickle, but not one written by torch\.save/)
  await refuses(pickle(0x1950a86a20f9469cfc6dn), /not one written by torch\.save/)
  const versionByte = FILE.indexOf(1001 & 0xff)
  await refuses(patched(FILE, versionByte, [0xea]), /unknown version of torch\.save/)
})

test('a pickle longer than the first window is read whole', async () => {
  const storages = Array.from({ length: 3000 }, (_, i) => floatStorage(`${i}`.padStart(5, '0'), [i]))
  const root = dict(...storages.map((of, i): [Py, Py] => [`a tensor with quite a long name, number ${i}`, whole(of)]))
  const file = torchLegacy(root, storages)
  assert.ok(indexOfText(file, 'number 2999') > 2 ** 16)
  const found = await read(file)
  assert.is(found.length, 3000)
  assert.equal((await readAll([found[2999]]))[found[2999].name].values, [2999])
})

test('a file cut short anywhere is refused', async () => {
  await refusesEveryTruncation(FILE, readTorchLegacy)
})

test('a file that is cut short within the pickles is refused with that reason', async () => {
  await refuses(FILE.slice(0, 200), /cut short \(it ends within its pickles\)/)
  await refuses(FILE.slice(0, FILE.length - 1), /cut short \(it ends within storage 94510\)/)
})

test('no damaged byte leads out of the file', async () => {
  await survivesEveryDamage(FILE, readTorchLegacy)
})

test.run()
