import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { PickleCallable, type PickleHost, type PickleValue, unpickle } from '#molm/model/checkpoint/pickle.js'
import { joinBytes, littleEndian } from '../../support/bytes.js'
import { Call, Global, Persistent, type Py, pickle, Tuple } from '../../support/pickle-writer.js'
import { rejectsWithUserError } from '../../support/rejects.js'

const called: PickleValue[][] = []
const host: PickleHost = {
  file: 'file.bin',
  global: (name) => {
    if (name === 'house.dict') return new PickleCallable(() => new Map())
    if (name !== 'house.make') return undefined
    return new PickleCallable((args) => {
      called.push(args)
      return args
    })
  },
  persistent: (id) => ['loaded', id],
}

const read = (...parts: (Uint8Array | number[] | string)[]) => unpickle(joinBytes(...parts), host)
const refuses = (pattern: RegExp, ...parts: (Uint8Array | number[] | string)[]) =>
  rejectsWithUserError(() => read(...parts), pattern)

test('plain values come back, in protocols 2 and 4', () => {
  const dict = new Map<Py, Py>([
    ['int', 1],
    ['list', [0, 255, 256, 65535, 65536, -1, -(2 ** 31), 2 ** 31, 2 ** 53 - 1, -(2 ** 40)]],
    ['big', 2n ** 80n],
    ['negative', -(2n ** 80n)],
    ['float', 0.1],
    ['text', 'Grüße 🌍 \ufeff'],
    ['tuple', new Tuple(null, true, false)],
    ['long tuple', new Tuple(1, 2, 3, 4, new Tuple(), new Tuple(5), new Tuple(6, 7))],
    ['again', 'int'],
  ])
  const plain = (value: Py): unknown => (value instanceof Tuple ? value.items.map(plain) : value)
  const expected = new Map([...dict].map(([key, value]) => [key, plain(value)]))
  for (const protocol of [2, 4] as const) assert.equal(read(pickle(dict, protocol)), expected)
})

test('many items need batches, long memo indices and marks', () => {
  const items = Array.from({ length: 2500 }, (_, i): [Py, Py] => [`name ${i}`, [i, `name ${i % 300}`]])
  for (const protocol of [2, 4] as const) {
    const found = read(pickle(new Map(items), protocol))
    assert.instance(found, Map)
    assert.equal([...(found as Map<PickleValue, PickleValue>)], items)
  }
})

test('the remaining opcodes of Python picklers are known', () => {
  assert.equal(read('U', [2], 'hi', '.'), 'hi', 'SHORT_BINSTRING')
  assert.equal(read('T', littleEndian(2, 4), 'hi', '.'), 'hi', 'BINSTRING')
  assert.equal(read([0x8d], littleEndian(2, 8), 'hi', '.'), 'hi', 'BINUNICODE8')
  assert.equal(read('C', [2, 7, 8], '.'), Uint8Array.of(7, 8), 'SHORT_BINBYTES')
  assert.equal(read('B', littleEndian(2, 4), [7, 8], '.'), Uint8Array.of(7, 8), 'BINBYTES')
  assert.equal(read([0x8e], littleEndian(2, 8), [7, 8], '.'), Uint8Array.of(7, 8), 'BINBYTES8')
  assert.equal(read([0x8b], littleEndian(9, 4), new Uint8Array(8), [1], '.'), 2n ** 64n, 'LONG4')
  assert.equal(read([0x8a, 0], '.'), 0, 'LONG1 of no bytes')
  assert.equal(read('(K', [1], 'K', [2], 'l.'), [1, 2], 'LIST')
  assert.equal(read('(K', [1], 'K', [2], 'd.'), new Map([[1, 2]]), 'DICT')
  assert.equal(read(']K', [1], 'a.'), [1], 'APPEND')
  assert.equal(read('K', [1], 'K', [2], '0.'), 1, 'POP')
  assert.equal(read('K', [1], '(K', [2], 'NN1.'), 1, 'POP_MARK')
  assert.equal(read('K', [1], '2', [0x86], '.'), [1, 1], 'DUP')
})

test('names, calls, states and persistent ids go through the host', () => {
  called.length = 0
  const make = new Global('house', 'make')
  const value = [new Call(make, new Tuple('a', 1)), new Persistent(new Tuple('storage', 7))]
  for (const protocol of [2, 4] as const) {
    assert.equal(read(pickle(value, protocol)), [
      ['a', 1],
      ['loaded', ['storage', 7]],
    ])
  }
  assert.equal(called, [
    ['a', 1],
    ['a', 1],
  ])
  const state = new Map<Py, Py>([['_metadata', 1]])
  const dict = new Call(new Global('house', 'dict'), new Tuple(), [['k', 'v']], state)
  assert.equal(read(pickle(dict)), new Map([['k', 'v']]), 'the state of a dict is left out')
  assert.equal(read('chouse\nmake\n)', [0x81], '.'), [], 'NEWOBJ')
})

test('a name that the host does not know is refused before anything is called', async () => {
  called.length = 0
  const evil = [
    new Call(new Global('os', 'system'), new Tuple('touch /tmp/hurt')),
    new Call(new Global('house', 'make'), new Tuple()),
  ]
  for (const protocol of [2, 4] as const) {
    await refuses(/file\.bin: refused, because its pickle asks for os\.system/, pickle(evil, protocol))
  }
  await refuses(/asks for os\.system/, "cos\nsystem\n(S'ls'\ntR.")
  await refuses(/asks for builtins\.eval/, [0x80, 4, 0x8c, 8], 'builtins', [0x8c, 4], 'eval', [0x93], '.')
  for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
    await refuses(/refused/, `chouse\n${name}\n.`)
    await refuses(/refused/, `c${name}\n\n.`)
  }
  await refuses(/asks for a\\x1b\[2Jb\.c/, 'ca\x1b[2Jb\nc\n.')
  assert.equal(called, [])
})

test('opcodes that call or build in other ways are refused', async () => {
  for (const opcode of ['i', 'o', 'P', 'I', 'S', 'V', 'p', 'g', [0x82], [0x83], [0x84], [0x92], [0x8f], [0x97]]) {
    await refuses(/uses the opcode 0x[0-9a-f]{2}/, '(NNN', opcode, 'os\nsystem\n.')
  }
})

test('only values of the host can be called, and only dicts have a state', async () => {
  await refuses(/calls something that cannot be called/, 'K', [1], ')R.')
  await refuses(/calls something that cannot be called/, 'X', littleEndian(4, 4), 'eval)R.')
  await refuses(/calls something that cannot be called/, 'chouse\nmake\nK', [1], 'R.')
  await refuses(/sets the state of something that is not a dict/, ']}b.')
  await refuses(/sets the state of something that is not a dict/, 'chouse\nmake\n}b.')
})

test('a pickle that takes more values than it has pushed is refused', async () => {
  const bodies = '. 0. R. N(0. t. 1. (. Na. s. NNs. }(Nu. q\x01. h\x07. 2. Q. b. N\x86.'.split(' ')
  for (const body of bodies) await refuses(/its pickle cannot be read/, Buffer.from(body, 'latin1'))
  await refuses(/names something without a text/, 'NN', [0x93], '.')
  await refuses(/unknown protocol/, [0x80, 6], 'N.')
})

test('an incomplete pickle is distinguished from a broken one', () => {
  const whole = pickle([1, 2 ** 20, 2n ** 70n, 0.5, 'text', new Tuple('a'), new Map<Py, Py>([['k', null]])], 4)
  for (let size = 0; size < whole.length; size++) assert.is(unpickle(whole.slice(0, size), host), undefined)
  assert.equal(unpickle(joinBytes(whole, 'more'), host), unpickle(whole, host))
})

test('lengths far beyond the bytes are not allocated', async () => {
  for (const opcode of [[0x58], [0x54], [0x42]]) assert.is(read(opcode, littleEndian(2 ** 32 - 1, 4), 'x'), undefined)
  for (const opcode of [[0x8d], [0x8e]]) assert.is(read(opcode, littleEndian(2n ** 64n - 1n, 8), 'x'), undefined)
  await refuses(/an integer of 4294967295 bytes/, [0x8b], littleEndian(2 ** 32 - 1, 4), 'x')
  assert.equal(read([0x95], littleEndian(2n ** 64n - 1n, 8), 'N.'), null, 'a frame is only a hint')
  assert.equal(read('N', 'r', littleEndian(2 ** 32 - 1, 4), '.'), null, 'a memo index is not an array length')
})

test('floods of objects end in an error', async () => {
  await refuses(/more than 1048576 objects/, new Uint8Array(2 ** 20 + 8).fill(0x7d))
  await refuses(/more than 1048576 objects/, 'N', new Uint8Array(2 ** 20 + 8).fill(0x94))
  assert.is(read(new Uint8Array(2 ** 20 + 8).fill(0x28)), undefined, 'marks alone')
})

test('deep nesting and cycles are ordinary data', () => {
  const depth = 300_000
  const nested = joinBytes(new Uint8Array(depth).fill(0x5d), new Uint8Array(depth - 1).fill(0x61), '.')
  assert.ok(Array.isArray(read(nested)))
  const cycle = read(']q', [0], 'h', [0], 'a.') as PickleValue[]
  assert.is(cycle[0], cycle)
})

test.run()
