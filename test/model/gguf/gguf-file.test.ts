import { readFileSync } from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type GgufFile, openGguf } from '#molm/model/gguf/file/gguf-file.js'
import { isGguf } from '#molm/model/gguf/file/split-names.js'
import { indexOfText, joinBytes, littleEndian, patched } from '../../support/bytes.js'
import { fixturePath } from '../../support/fixtures.js'
import {
  f32,
  flag,
  type GgufTensor,
  type GgufValue,
  ggufFile,
  list,
  splitGguf,
  text,
  u32,
} from '../../support/gguf-writer.js'
import { MemoryFiles } from '../../support/memory-files.js'
import { BLOCK_TYPES } from '../../support/random-blocks.js'
import { readFloats } from '../../support/read-floats.js'
import { rejectsWithUserError } from '../../support/rejects.js'
import { GGUF_FIXTURES, openFixture, sha256Of } from './fixtures.js'

const test = suite('GGUF files')

/** A tensor of floats that count up from `first`. */
function floats(name: string, ne: number[], first = 0): GgufTensor {
  const count = ne.reduce((product, n) => product * n, 1)
  const data = new Uint8Array(Float32Array.from({ length: count }, (_, i) => first + i).buffer)
  return { name, type: 0, ne, data }
}

const METADATA = new Map<string, GgufValue>([['general.architecture', text('olmoe')]])

/** Opens a file, and closes it after `use`. */
async function withGguf<T>(bytes: Uint8Array, use: (file: GgufFile) => T | Promise<T>): Promise<T> {
  const file = await openGguf(new MemoryFiles({ 'a.gguf': bytes }), 'a.gguf')
  try {
    return await use(file)
  } finally {
    await file.close()
  }
}

const refuses = (bytes: Uint8Array, pattern: RegExp) =>
  rejectsWithUserError(() => withGguf(bytes, () => undefined), pattern)

async function valuesOf(tensors: GgufFile['tensors'], name: string): Promise<number[]> {
  const tensor = tensors.get(name)
  if (tensor === undefined) throw new Error(`no tensor ${name}`)
  return [...(await readFloats(tensor))]
}

test('recognises GGUF files by their name', () => {
  assert.ok(isGguf('model-Q4_K_M.gguf'))
  assert.ok(isGguf('MODEL.GGUF'))
  assert.not.ok(isGguf('model.safetensors'))
})

test('reads tensors with the row length last', () =>
  withGguf(ggufFile(METADATA, [floats('a', [3, 2]), floats('b', [4], 10)]), async ({ tensors, metadata }) => {
    assert.is(metadata.text('general.architecture'), 'olmoe')
    assert.equal(tensors.get('a')?.shape, [2, 3])
    assert.equal(await valuesOf(tensors, 'a'), [0, 1, 2, 3, 4, 5])
    assert.equal(await valuesOf(tensors, 'b'), [10, 11, 12, 13])
  }))

test('reads tensors at another alignment, in any order, and in version 2', async () => {
  const metadata = new Map([...METADATA, ['general.alignment', u32(256)] as const])
  const bytes = patched(ggufFile(metadata, [floats('a', [3]), floats('b', [3], 5)], 256), 4, [2])
  await withGguf(bytes, async ({ tensors }) => {
    assert.equal(await valuesOf(tensors, 'b'), [5, 6, 7])
  })
  const [nameA, nameB] = [indexOfText(bytes, 'a\u0001\u0000'), indexOfText(bytes, 'b\u0001\u0000')]
  const swapped = patched(patched(bytes, nameA, [0x62]), nameB, [0x61])
  await withGguf(swapped, async ({ tensors }) => {
    assert.equal(await valuesOf(tensors, 'a'), [5, 6, 7])
  })
})

test('passes over values of every type', async () => {
  const metadata = new Map<string, GgufValue>([
    ['x.u64', { type: 'u64', value: 2n ** 64n - 1n }],
    ['x.i64', { type: 'i64', value: -(2n ** 53n) + 1n }],
    ['x.i8', { type: 'i8', value: -3 }],
    ['x.f64', { type: 'f64', value: 0.1 }],
    ['x.empty', list('array', [])],
    ['x.nested', list('array', [list('text', ['a', 'b']), list('i64', [1n])])],
    ['x.flags', list('bool', [true, false])],
    ['x.list', list('i16', [-1, 2])],
    ['x.texts', list('text', ['', 'ä'])],
    ['x.epsilon', f32(1e-5)],
    ['x.flag', flag(true)],
    ...METADATA,
  ])
  await withGguf(ggufFile(metadata, [floats('a', [1])]), ({ metadata }) => {
    assert.is(metadata.text('general.architecture'), 'olmoe')
    assert.is(metadata.number('x.i64'), -(2 ** 53) + 1)
    assert.is(metadata.number('x.i8'), -3)
    assert.is(metadata.number('x.f64'), 0.1)
    assert.is(metadata.number('x.epsilon'), 1e-5)
    assert.is(metadata.flag('x.flag'), true)
    assert.equal(metadata.numbers('x.flags'), [1, 0])
    assert.equal(metadata.numbers('x.list'), [-1, 2])
    assert.equal(metadata.texts('x.texts'), ['', 'ä'])
    assert.equal(metadata.texts('x.empty'), [])
    assert.is(metadata.number('x.absent', 7), 7)
    assert.throws(() => metadata.number('x.u64'), /a.gguf: x.u64 must be a number below 2\^53/)
    assert.throws(() => metadata.number('x.absent'), /a.gguf: x.absent is missing/)
    assert.throws(
      () => metadata.texts('x.list'),
      /x.list must be a list of texts, and its value has the type an array of int16/,
    )
    assert.throws(() => metadata.flag('x.i8'), /x.i8 must be true or false/)
  })
})

test('reads a header that is longer than the first read', async () => {
  const words = Array.from({ length: 100_000 }, (_, i) => `word number ${i}`)
  const metadata = new Map([['tokens', list('text', words)] as const, ...METADATA])
  await withGguf(ggufFile(metadata, [floats('a', [2])]), async ({ metadata, tensors }) => {
    assert.is(metadata.texts('tokens').at(-1), 'word number 99999')
    assert.equal(await valuesOf(tensors, 'a'), [0, 1])
  })
})

test('opens a split file from any of its parts', async () => {
  const parts = [[], [floats('b', [2], 7)], [floats('c', [2], 9)]]
  const files = new MemoryFiles(Object.fromEntries(splitGguf('m', METADATA, parts)))
  for (const name of await files.list()) {
    const file = await openGguf(files, name)
    assert.equal(file.files, await files.list())
    assert.is(file.metadata.text('general.architecture'), 'olmoe')
    assert.equal(await valuesOf(file.tensors, 'c'), [9, 10])
    await file.close()
  }
  assert.is(files.opened.size, 0)
})

test('refuses incomplete split files', async () => {
  const parts = splitGguf('m', METADATA, [[floats('a', [2])], [floats('b', [2])]])
  const [[first, one], [second, two]] = [...parts]
  const other = splitGguf('m', METADATA, [[floats('a', [2])], [floats('b', [2])], []])
  const less = splitGguf('m', METADATA, [[floats('a', [2])], []])
  const twice = splitGguf('m', METADATA, [[], [floats('a', [2])]])
  const refused: [Record<string, Uint8Array>, RegExp][] = [
    [{ [first]: one }, /part 2 of 2 of the model is missing: m-00002-of-00002.gguf/],
    [{ 'a.gguf': one }, /split.count is 2, so the file is a part/],
    [{ [first]: two, [second]: two }, /split.no is 1, and its name says 0/],
    [{ [first]: [...other.values()][0], [second]: two }, /split.count is 3, and its name says 2/],
    [{ [first]: one, [second]: [...less.values()][1] }, /split.tensors.count is 2, and the parts have 1/],
    [{ [first]: one, [second]: [...twice.values()][1] }, /tensor a appears twice/],
  ]
  for (const [files, pattern] of refused) {
    const set = new MemoryFiles(files)
    await rejectsWithUserError(() => openGguf(set, Object.keys(files)[0]), pattern)
    assert.is(set.opened.size, 0)
  }
})

test('refuses what is no GGUF file of a version that is read', async () => {
  const bytes = ggufFile(METADATA, [])
  await refuses(new Uint8Array(0), /a.gguf: not a GGUF file/)
  await refuses(bytes.slice(0, 20), /cut short within its header/)
  await refuses(patched(bytes, 0, [0x50]), /not a GGUF file/)
  await refuses(patched(bytes, 4, [1]), /GGUF of version 1, and molm reads versions 2 and 3/)
  await refuses(patched(bytes, 4, [0, 0, 0, 3]), /a big-endian GGUF file/)
  await refuses(new TextEncoder().encode('version https://git-lfs.github.com/spec/v1\n'), /Git LFS/)
})

test('refuses every file that is cut short', async () => {
  const bytes = ggufFile(new Map([['x', list('text', ['a', 'bc'])] as const, ...METADATA]), [floats('a', [8])])
  const whole = bytes.length
  for (let length = 0; length < whole; length++) {
    await refuses(bytes.slice(0, length), /not a GGUF file|cut short/)
  }
})

test('refuses counts and lengths that no file has', async () => {
  const bytes = ggufFile(METADATA, [floats('a', [8])])
  const huge = littleEndian(2 ** 48, 8)
  await refuses(patched(bytes, 8, huge), /has 281474976710656 tensors, at most/)
  await refuses(patched(bytes, 16, huge), /has 281474976710656 keys, at most/)
  await refuses(patched(bytes, 24, huge), /a key of its metadata has 281474976710656 bytes/)
  const value = indexOfText(bytes, 'general.architecture') + 'general.architecture'.length
  await refuses(patched(bytes, value, [13]), /general.architecture has a value of the unknown type 13/)
  await refuses(patched(bytes, value + 4, huge), /cut short/)
  await refuses(patched(bytes, value, [9]), /unknown type|cut short/)
  let nested = list('u8', [1])
  for (let i = 0; i < 5; i++) nested = list('array', [nested])
  await refuses(ggufFile(new Map([['deep', nested]]), []), /deep has arrays nested more than 4 deep/)
})

test('decodes no list that is longer than any vocabulary', async () => {
  const bytes = ggufFile(new Map([['long', list('u8', [])] as const]), [])
  const end = indexOfText(bytes, 'long') + 'long'.length + 4 + 4
  const longer = joinBytes(patched(bytes, end, littleEndian(2 ** 21 + 1, 8)).slice(0, end + 8), new Uint8Array(2 ** 22))
  await withGguf(longer, ({ metadata }) => {
    assert.throws(() => metadata.numbers('long'), /a.gguf: long has 2097153 elements, at most 2097152 are read/)
  })
})

test('refuses names that appear twice', async () => {
  const twice = ggufFile(METADATA, [floats('a', [8]), floats('a', [8])])
  await refuses(twice, /a.gguf: tensor a appears twice/)
  const keys = ggufFile(new Map([['k1', u32(1)] as const, ['k2', u32(1)] as const]), [])
  await refuses(patched(keys, indexOfText(keys, 'k2') + 1, [0x31]), /k1 appears twice/)
})

test('refuses tensors that are outside the file, overlap or are not aligned', async () => {
  const bytes = ggufFile(METADATA, [floats('a', [8]), floats('b', [8])])
  const offset = indexOfText(bytes, 'b\u0001\u0000') + 1 + 4 + 8 + 4
  const withOffset = (to: number) => patched(bytes, offset, littleEndian(to, 8))
  const withSize = (to: number) => patched(bytes, offset - 12, littleEndian(to, 8))
  await withGguf(withOffset(32), () => undefined)
  await refuses(withOffset(0), /the data of tensor b overlaps that of a/)
  await refuses(withOffset(16), /tensor b begins at byte 16 of the data, not at a multiple of 32/)
  await refuses(withOffset(64), /tensor b ends at byte \d+, the file at \d+: the file is cut short/)
  await refuses(withSize(2 ** 50), /tensor b ends at byte/)
  await refuses(withSize(2 ** 60), /tensor b has an impossible size/)
  await refuses(patched(bytes, offset - 16, [5]), /tensor b has 5 dimensions, at most 4/)
  for (const alignment of [0, 2 ** 31]) {
    const metadata = new Map([['general.alignment', u32(alignment)] as const])
    await refuses(ggufFile(metadata, []), /general.alignment is \d+, which is no alignment/)
  }
})

test('names the tensor and the type that is not read', async () => {
  for (const [type, pattern] of [
    [10, /tensor t has the type Q2_K, which molm does not read \(it reads F32, F16/],
    [16, /tensor t has the type IQ2_XXS/],
    [34, /tensor t has the type TQ1_0/],
    [31, /tensor t has the type Q4_0_4_4/],
    [99, /tensor t has the type number 99/],
    [12, /tensor t has rows of 32 elements, which are no whole blocks of Q4_K \(256/],
  ] as const) {
    await refuses(ggufFile(METADATA, [{ name: 't', type, ne: [32], data: new Uint8Array(256) }]), pattern)
  }
})

test('reads the values of llama.cpp from every tensor of the fixtures, which have every type of blocks', async () => {
  const types = new Set<string>()
  for (const folder of GGUF_FIXTURES) {
    const { tensors, close } = await openFixture(folder)
    const listed: { name: string; sha256_of_f32_in_file_order: string }[] = JSON.parse(
      readFileSync(fixturePath(`gguf/${folder}/tensors.json`), 'utf8'),
    )
    assert.is(tensors.size, listed.length)
    for (const { name, sha256_of_f32_in_file_order: sha256 } of listed) {
      const tensor = tensors.get(name)
      assert.ok(tensor, `${folder} ${name}`)
      assert.is(sha256Of(await readFloats(tensor)), sha256, `${folder} ${name}, ${tensor.dtype}`)
      types.add(tensor.dtype)
    }
    await close()
  }
  for (const type of BLOCK_TYPES) assert.ok(types.has(type), type)
})

test.run()
