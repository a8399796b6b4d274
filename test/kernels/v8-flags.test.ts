import { readFileSync } from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { describeCompiler, PROVEN, provenOn } from '#molm/kernels/compiler/v8-flags.js'
import { molmProcess } from '../cli/molm.js'
import { repositoryPath } from '../support/fixtures.js'

const test = suite("V8's flags")

test('are known for exactly the versions that they are proven on', () => {
  for (const { v8, flags } of PROVEN) assert.is(provenOn(`${v8}.202.34-node.34`)?.flags, flags)
  for (const version of ['11.30.1', '12.9.202.28-node.14', '14.60.1', '15.0.1', '99.9.9', '1.3']) {
    assert.is(provenOn(version), undefined, version)
  }
})

test('are described in words, and their absence with a reason', () => {
  const [{ flags }] = PROVEN
  assert.is(
    describeCompiler(flags, '11.3.244.8-node.38'),
    'V8 11.3 with --no-wasm-dynamic-tiering --no-liftoff --no-wasm-lazy-compilation --experimental-wasm-relaxed-simd',
  )
  assert.is(describeCompiler([], '11.3.244.8-node.38'), 'V8 11.3 with its defaults')
  assert.is(
    describeCompiler([], '15.1.7-node.2'),
    `V8 15.1 with its defaults: flags are proven on ${PROVEN.map(({ v8 }) => v8).join(', ')} only`,
  )
})

test('are set by the command line if they are proven, and --verbose names them', async () => {
  const args = ['-m', 'nano', '-n', '1', '--verbose', 'x']
  const flags = provenOn(process.versions.v8)?.flags ?? []
  const [set, wrong] = await Promise.all([
    molmProcess(args, { env: { MOLM_V8_FLAGS: '' } }),
    molmProcess(args, { env: { MOLM_V8_FLAGS: 'all' } }),
  ])
  assert.ok(set.stderr.includes(`kernels compiled by ${describeCompiler(flags)}\n`), set.stderr)
  assert.is(wrong.stderr, "molm: MOLM_V8_FLAGS is 'all'; it can be 'none'\n")
  assert.is(wrong.code, 1)
})

/** Bytes of code of each function in a module, in the order of their indices; the kernels import no functions. */
function functionSizes(bytes: Uint8Array): { sizes: number[]; exported: Map<string, number> } {
  let at = 8
  const number = (): number => {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++]
      value |= (byte & 127) << shift
      if (byte < 128) return value
    }
  }
  const sizes: number[] = []
  const exported = new Map<string, number>()
  while (at < bytes.length) {
    const section = bytes[at++]
    const end = number() + at
    for (let left = section === 7 || section === 10 ? number() : 0; left > 0; left--) {
      const length = number()
      if (section === 10) sizes.push(length)
      const name = Buffer.from(bytes.subarray(at, at + length)).toString()
      at += length
      if (section === 10) continue
      const kind = bytes[at++]
      const index = number()
      if (kind === 0) exported.set(name, index)
    }
    at = end
  }
  return { sizes, exported }
}

test("without flags a helper's loop calls the kernels and does not contain them: V8 replaces code at its next call", () => {
  for (const tier of ['relaxed', 'plain']) {
    const { sizes, exported } = functionSizes(readFileSync(repositoryPath(`dist/kernels/${tier}.wasm`)))
    for (const name of ['help', 'run']) {
      const size = sizes[exported.get(name) ?? -1]
      assert.ok(size > 0 && size < 600, `${tier}: ${name} has ${size} bytes`)
    }
    assert.ok(Math.max(...sizes) > 1000)
  }
})

test.run()
