import { readFile } from 'node:fs/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readTorchZip } from '#molm/model/checkpoint/torch-zip.js'
import { indexOfText, joinBytes, littleEndian, patched } from '../../support/bytes.js'
import { refusesEveryTruncation, survivesEveryDamage } from '../../support/damage.js'
import { bytesSource } from '../../support/memory-files.js'
import { Call, Global, Persistent, type Py, pickle, Tuple } from '../../support/pickle-writer.js'
import { readAll } from '../../support/read-all.js'
import { rejectsWithUserError } from '../../support/rejects.js'
import { stateOfViews, VALUES_OF_VIEWS } from '../../support/torch-views.js'
import {
  floatStorage,
  orderedDict,
  REBUILD_TENSOR,
  type SavedStorage,
  storageId,
  tensor,
  torchZip,
  torchZipOf,
} from '../../support/torch-writer.js'
import { zip } from '../../support/zip-writer.js'

const SAVED = new URL('../../../../test/model/checkpoint/saved-by-torch/', import.meta.url)

const read = (file: Uint8Array) => readTorchZip(bytesSource(file, 'weights.bin'))
const refuses = (file: Uint8Array, pattern: RegExp) => rejectsWithUserError(() => read(file), pattern)

const storage = floatStorage('0', [1, 2, 3, 4])
const dict = (...items: [Py, Py][]) => new Map<Py, Py>(items)
/** A file of one tensor `w` that views a storage of four floats. */
const fileOf = (first: number, shape: number[], strides: number[]) =>
  torchZip(dict(['w', tensor(storageId(storage), first, shape, strides)]), [storage])

test('a file that PyTorch saved is read, including views', async () => {
  assert.equal(await readAll(await read(await readFile(new URL('views-zip.bin', SAVED)))), VALUES_OF_VIEWS)
})

test('views of shared storages are read in every form of archive', async () => {
  const { root, storages } = stateOfViews()
  const forms = [
    {},
    { protocol: 4 as const },
    { wide: true },
    { zip64: false },
    { folder: 'archive' },
    { byteorder: '' },
  ]
  for (const options of forms) {
    assert.equal(await readAll(await read(torchZip(root, storages, options))), VALUES_OF_VIEWS, JSON.stringify(options))
  }
})

test('tensors that share a storage share its bytes', async () => {
  const { root, storages } = stateOfViews()
  const byName = new Map((await read(torchZip(root, storages))).map((t) => [t.name, t]))
  assert.is(byName.get('base')?.offset, byName.get('alias')?.offset)
  assert.is(byName.get('block')?.offset, (byName.get('base')?.offset ?? 0) + 4 * 8)
  assert.is((byName.get('base')?.offset ?? 1) % 64, 0, 'data is found after the padding')
})

test('an empty state dict is read, and entries that are not tensors are skipped', async () => {
  assert.equal(await read(torchZip(dict(), [])), [])
  const size = new Call(new Global('torch', 'Size'), new Tuple(new Tuple(2, 3)))
  const device = new Call(new Global('torch', 'device'), new Tuple('cpu'))
  const w = tensor(storageId(storage), 0, [4], [1])
  const root = dict(
    ['epoch', 3],
    ['rate', 1e-4],
    ['size', size],
    ['device', device],
    ['w', w],
    ['dtype', new Global('torch', 'float16')],
  )
  assert.equal(Object.keys(await readAll(await read(torchZip(root, [storage])))), ['w'])
})

test('a forbidden global is named and nothing is opened', async () => {
  const evil = new Call(new Global('os', 'system'), new Tuple('touch hurt'))
  const root = dict(['w', tensor(storageId(storage), 0, [4], [1])], ['x', evil])
  for (const protocol of [2, 4] as const) {
    await refuses(
      torchZip(root, [storage], { protocol }),
      /weights\.bin: refused, because its pickle asks for os\.system/,
    )
  }
  const names = ['load', '_C', 'hub.load', 'storage.__class__', 'FloatStorage.__class__', 'Storage', 'FloatStorage\n']
  for (const name of names) {
    await refuses(
      torchZip(dict(['x', new Global('torch', name)]), [], { protocol: 4 }),
      /refused, because its pickle asks for torch\.|unknown dtype/,
    )
  }
})

test('tensors of unknown dtypes and layouts are refused by name', async () => {
  const complex: SavedStorage = { key: '0', type: 'ComplexFloatStorage', elements: 1, data: new Uint8Array(8) }
  await refuses(
    torchZip(dict(['w', tensor(storageId(complex), 0, [1], [1])]), [complex]),
    /unknown dtype torch\.ComplexFloatStorage/,
  )
  const quantised = new Call(new Global('torch._utils', '_rebuild_qtensor'), new Tuple())
  await refuses(
    torchZip(dict(['w', quantised]), []),
    /unknown dtype or layout \(made by torch\._utils\._rebuild_qtensor\)/,
  )
})

test('a view cannot reach outside its storage', async () => {
  assert.equal((await readAll(await read(fileOf(3, [1], [1])))).w.values, [4])
  const outside: [number, number[], number[]][] = [
    [0, [5], [1]],
    [4, [1], [1]],
    [1, [2], [3]],
    [0, [2, 2], [3, 1]],
    [0, [2 ** 31], [2 ** 31]],
    [2 ** 52, [1], [1]],
    [0, [2 ** 30, 2 ** 30], [0, 0]],
  ]
  for (const [first, shape, strides] of outside) {
    await refuses(fileOf(first, shape, strides), /weights\.bin: tensor w (reaches|has)/)
  }
  for (const [first, shape, strides] of [
    [0, [-1], [1]],
    [3, [2], [-1]],
    [-1, [1], [1]],
    [0, [0.5], [1]],
    [0, [1], []],
  ] as const) {
    await refuses(fileOf(first, [...shape], [...strides]), /weights\.bin: (tensor w has|its pickle cannot be read)/)
  }
})

test('a storage must be as large as the pickle says', async () => {
  const root = dict(['w', tensor(storageId({ ...storage, elements: 5 }), 0, [4], [1])])
  await refuses(torchZip(root, [storage]), /tensor w needs a storage of 20 bytes, the file has 16 bytes/)
  await refuses(torchZip(root, []), /tensor w needs a storage of 20 bytes, the file has nothing/)
  const two = tensor(storageId({ ...storage, elements: 2 }), 0, [1], [1])
  await refuses(torchZip(dict(['v', two], ...root), [storage]), /describes storage 0 in two ways/)
})

test('keys of storages lead only to storages', async () => {
  for (const key of ['../data.pkl', '/etc/passwd', '__proto__', 'x\n']) {
    const odd = storageId({ ...storage, key })
    await refuses(torchZip(dict(['w', tensor(odd, 0, [1], [1])]), [storage]), /the file has nothing/)
  }
})

test('calls with arguments that torch does not use are refused', async () => {
  const id = storageId(storage)
  const rebuild = (...args: Py[]) => torchZip(dict(['w', new Call(REBUILD_TENSOR, new Tuple(...args))]), [storage])
  await refuses(rebuild(), /has a tensor without a storage/)
  await refuses(rebuild(1, 0, new Tuple(4), new Tuple(1)), /has a tensor without a storage/)
  await refuses(rebuild(id, 0), /tensor w has an impossible shape/)
  await refuses(rebuild(id, 'a', new Tuple(4), new Tuple(1)), /impossible size, stride or offset string/)
  await refuses(
    rebuild(id, 2n ** 70n, new Tuple(4), new Tuple(1)),
    /impossible size, stride or offset 1180591620717411303424/,
  )
  await refuses(rebuild(id, 0, new Tuple('4'), new Tuple(1)), /tensor w has an impossible shape/)
  await refuses(rebuild(id, 0, new Tuple(4), new Tuple(1), false, null, dict(['neg', true])), /lazily negated/)
  const pairs = new Call(new Global('collections', 'OrderedDict'), new Tuple([['w', 1]]))
  await refuses(torchZip(pairs, []), /makes an OrderedDict in an unknown way/)
  for (const items of [[], ['module', 1], ['storage'], ['storage', 1, '0', 'cpu', 4]]) {
    await refuses(torchZip(dict(['w', new Persistent(new Tuple(...items))]), [storage]), /its pickle cannot be read/)
  }
})

test('one long list shared among many tensors is not copied for each', async () => {
  // Memo: 200 the function, 201 the list, 202 its arguments. Copies would be 20,000 times 100,000 numbers.
  const ones = joinBytes('](', joinBytes(...new Array<string>(100_000).fill('K\x01')), 'eq', [201])
  const id = pickle(storageId(storage)).slice(2, -1)
  const args = joinBytes('(', id, 'K', [0], ones, 'h', [201], 'Nt', 'q', [202])
  const tensors = Array.from({ length: 20_000 }, (_, i) =>
    joinBytes('X', littleEndian(5, 4), `${10_000 + i}`, 'h', [200], 'h', [202], 'R'),
  )
  const pickled = joinBytes('ctorch._utils\n_rebuild_tensor_v2\nq', [200], '0', args, '0}(', ...tensors, 'u.')
  await refuses(torchZipOf(pickled, [storage]), /tensor 10000 has an impossible shape/)
})

test('a root that is not a state dict of tensors is refused', async () => {
  const w = tensor(storageId(storage), 0, [4], [1])
  await refuses(torchZip(w, [storage]), /holds no state dict/)
  await refuses(torchZip([w], [storage]), /holds no state dict/)
  await refuses(torchZip(dict(['model', dict(['w', w])]), [storage]), /holds no tensors by name at its top level/)
})

test('a byte order other than little is refused', async () => {
  await refuses(torchZip(orderedDict([]), [], { byteorder: 'big' }), /byte order "big"/)
})

test('archives that torch did not write are refused', async () => {
  await refuses(zip([{ name: 'readme.txt', bytes: 'hello' }]), /not one written by torch\.save/)
  await refuses(zip([]), /not one written by torch\.save/)
  const pkl = { name: 'a/data.pkl', bytes: pickle(new Map()) }
  await refuses(zip([{ ...pkl, method: 8 }]), /a\/data\.pkl is compressed/)
  await refuses(zip([{ ...pkl, flags: 1 }]), /a\/data\.pkl is encrypted/)
  await refuses(zip([pkl, pkl]), /holds a\/data\.pkl twice/)
  assert.equal(await read(zip([pkl], { comment: 'a comment' })), [])
})

test('a directory with false sizes or offsets is refused', async () => {
  const file = fileOf(0, [4], [1])
  const end = file.length - 22
  const locator = end - 20
  const zip64 = locator - 56
  await refuses(patched(file, locator + 8, littleEndian(2n ** 63n, 8)), /zip64 directory record is outside/)
  await refuses(patched(file, locator + 8, littleEndian(0, 8)), /zip64 directory record is missing/)
  await refuses(patched(file, zip64 + 32, littleEndian(2n ** 60n, 8)), /cannot hold/)
  await refuses(patched(file, zip64 + 40, littleEndian(2n ** 60n, 8)), /zip directory is outside/)
  await refuses(patched(file, zip64 + 48, littleEndian(2n ** 64n - 1n, 8)), /zip directory is outside/)
  const central = indexOfText(file, 'PK\x01\x02')
  await refuses(patched(file, central + 42, littleEndian(1, 4)), /is not at its place/)
  await refuses(patched(file, central + 42, littleEndian(2 ** 31, 4)), /is outside the file/)
  await refuses(patched(file, central + 24, littleEndian(2 ** 25, 4)), /at most 16777216 are read/)
  await refuses(patched(file, central + 24, littleEndian(2 ** 20, 4)), /reaches past the end/)
  await refuses(patched(file, central + 28, littleEndian(0xffff, 2)), /zip directory is broken/)
})

test('an incomplete pickle in a complete archive is refused', async () => {
  const whole = pickle(dict(['w', tensor(storageId(storage), 0, [4], [1])]))
  for (let size = 0; size < whole.length; size++) {
    await refuses(torchZipOf(whole.slice(0, size), [storage]), /its pickle is cut short/)
  }
})

test('a file cut short anywhere is refused', async () => {
  await refusesEveryTruncation(fileOf(0, [4], [1]), readTorchZip)
})

test('no damaged byte leads out of the file', async () => {
  await survivesEveryDamage(fileOf(0, [2, 2], [2, 1]), readTorchZip)
})

test.run()
