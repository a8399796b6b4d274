import { readdirSync, readFileSync } from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import * as attention from '#molm/kernels/abi/attention.js'
import * as control from '#molm/kernels/abi/control.js'
import * as formats from '#molm/kernels/abi/formats.js'
import * as measures from '#molm/kernels/abi/measures.js'
import * as products from '#molm/kernels/abi/products.js'
import * as rows from '#molm/kernels/abi/rows.js'
import * as states from '#molm/kernels/abi/states.js'
import * as training from '#molm/kernels/abi/training.js'
import { recordBytes } from '#molm/kernels/memory/formats.js'
import { repositoryPath } from '../support/fixtures.js'

const test = suite('the interface between host and kernels')

const abi = { ...attention, ...control, ...formats, ...measures, ...products, ...rows, ...states, ...training }

/** Numbers of an enum. */
const numbersOf = (members: object): number[] => Object.values(members).filter((value) => typeof value === 'number')
const enums = Object.entries<object | number>(abi).filter(
  (entry): entry is [string, object] => entry[1] instanceof Object,
)

const sources = readdirSync(repositoryPath('assembly'))
  .filter((file) => file.endsWith('.ts'))
  .map((file) => ({ file, text: readFileSync(repositoryPath(`assembly/${file}`), 'utf8') }))

test('the arguments of every kernel fit the control block', () => {
  const kernels = enums.filter(([name]) => name.endsWith('Arg'))
  // One enum of arguments for each job that computes.
  assert.is(kernels.length, numbersOf(abi.Job).filter((job) => job !== abi.Job.leave && job !== abi.Job.nothing).length)
  for (const [name, args] of kernels) assert.ok(numbersOf(args).length <= abi.ARGUMENTS, name)
})

test('the control block, the scratch of all threads and the arena do not overlap', () => {
  const { args, scratch, arena } = abi.Address
  const words = numbersOf(abi.Address).filter((address) => ![args, scratch, arena].includes(address))
  assert.ok(words.length > 5)
  for (const word of words) assert.ok(word + 8 <= args, abi.Address[word])
  assert.ok(args + 4 * abi.ARGUMENTS <= scratch)
  assert.ok(scratch + abi.MAX_THREADS * abi.SCRATCH_BYTES <= arena)
})

test('a tile of any format is as large as its numbers', () => {
  const weights = abi.TILE_ROWS * abi.TILE_COLUMNS
  const scales = abi.TILE_ROWS
  assert.is(abi.TileBytes.f32, weights * 4)
  assert.is(abi.TileBytes.q8, weights + scales * 2)
  for (const format of ['q4', 'mxfp4', 'mxfp4_f32'] as const) assert.is(abi.TileBytes[format], weights / 2 + scales * 2)
  assert.is(abi.TileBytes.q4m, weights / 2 + scales * 4)
  assert.is(abi.TileBytes.q3, (weights * 3) / 8 + scales * 2)
  assert.is(abi.TileBytes.q2, weights / 4 + scales * 2)
  assert.is(abi.UNPACKED_TILE_BYTES, weights + scales * 4)
  assert.is(abi.UNPACKED_Q4M_BYTES, weights + scales * 8)
  assert.is(abi.TableBlockBytes.f32, abi.TILE_COLUMNS * 4)
  assert.is(abi.TableBlockBytes.q8, abi.TILE_COLUMNS + 2)
  // int8 and int16 of each activation, a scale and a sum.
  assert.is(abi.RECORD_BLOCK_BYTES, abi.TILE_COLUMNS * 3 + 8)
  // int8 of each activation of four rows, and three words for each row.
  assert.is(abi.INTERLEAVED_BLOCK_BYTES, 4 * (abi.TILE_COLUMNS + 3 * 4))
})

test('records hold whole blocks and end on a cache line', () => {
  assert.is(recordBytes(32), 128)
  assert.is(recordBytes(1), 128)
  assert.is(recordBytes(256), 832)
  assert.is(recordBytes(257), 960)
})

test('kernels name their arguments, and no kernel counts them', () => {
  const calls = sources.flatMap(({ text }) => [...text.matchAll(/\bargf?\(([^)]*)\)/g)].map(([, what]) => what))
  assert.ok(calls.length > 50, 'calls were found')
  const named = /^(i: usize|[A-Z]\w+Arg\.\w+)$/
  assert.equal(
    calls.filter((what) => !named.test(what)),
    [],
  )
})

test.run()
