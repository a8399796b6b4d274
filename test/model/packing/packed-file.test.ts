import { readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { openLocalFile } from '#molm/ground/files/local-folder.js'
import { readSafetensors } from '#molm/model/checkpoint/safetensors.js'
import type { MixtureKind, ModelConfig } from '#molm/model/config/config.js'
import { blueprintOf, layoutOf } from '#molm/model/families/index.js'
import { checksumsOf, verifyChecksums } from '#molm/model/packing/format/checksums.js'
import { formatsFor } from '#molm/model/packing/format/formats.js'
import type { Layout } from '#molm/model/packing/format/layout.js'
import { checkParts, openPackedFile } from '#molm/model/packing/format/packed-file.js'
import { createPackedFile } from '#molm/model/packing/write/packed-file-writer.js'
import { withFixture } from '../../support/checkpoints.js'
import { fixturePath } from '../../support/fixtures.js'
import { rejectsWithUserError, thrownBy } from '../../support/rejects.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'

const FORMATS = formatsFor('q4')
const METADATA = { quant: 'q4', formats: FORMATS, source: 'some/model', sourceRevision: 'abc123', files: {} } as const

/** Runs `use` with a layout and an empty folder. */
async function withLayout(use: (layout: Layout, dir: string) => Promise<unknown>): Promise<void> {
  await withFixture('02-base-safetensors-f32', (config) => {
    return inTemporaryFolder((dir) => use(layoutOf(config, FORMATS), dir))
  })
}

/** Bytes that differ between parts. */
function content(layout: Layout, index: number): Uint8Array {
  return new Uint8Array(layout.parts[index].bytes).fill(index + 1)
}

async function writePacked(path: string, layout: Layout): Promise<void> {
  const writer = await createPackedFile(path, layout, METADATA)
  for (const [i, part] of layout.parts.entries()) await writer.write(part, content(layout, i))
  await writer.finish()
}

/** Runs `use` with a packed file, alone in a folder. */
async function withPackedFile(use: (path: string, layout: Layout, config: ModelConfig) => Promise<unknown>) {
  await withFixture('02-base-safetensors-f32', (config) =>
    inTemporaryFolder(async (dir) => {
      const path = join(dir, 'model-q4.molm.safetensors')
      const layout = layoutOf(config, FORMATS)
      await writePacked(path, layout)
      await use(path, layout, config)
    }),
  )
}

/** Rewrites a packed file's header text, which must keep its length. */
async function editHeader(path: string, edit: (header: string) => string): Promise<void> {
  const bytes = await readFile(path)
  const end = 8 + Number(bytes.readBigUInt64LE(0))
  bytes.write(edit(bytes.toString('latin1', 8, end)), 8, 'latin1')
  await writeFile(path, bytes)
}

test('written metadata, places and bytes are read back', () =>
  withPackedFile(async (path, layout, config) => {
    const file = await openPackedFile(path)
    assert.equal(file.metadata, METADATA)
    assert.equal(
      [...file.parts.keys()],
      layout.parts.map((part) => part.name),
    )
    checkParts(file, blueprintOf(config))
    const bytes = await readFile(path)
    for (const [i, part] of layout.parts.entries()) {
      const range = file.parts.get(part.name)
      assert.ok(range !== undefined && range.offset % 64 === 0)
      assert.ok(bytes.subarray(range.offset, range.offset + range.bytes).equals(content(layout, i)), part.name)
    }
    await verifyChecksums(file)
  }))

test('parts may be written in any order, with the same file as the result', () =>
  withPackedFile(async (path, layout) => {
    const other = `${path}.other`
    const writer = await createPackedFile(other, layout, METADATA)
    for (let i = layout.parts.length - 1; i >= 0; i--) await writer.write(layout.parts[i], content(layout, i))
    await writer.finish()
    assert.ok((await readFile(other)).equals(await readFile(path)))
    assert.is((await stat(other)).size, writer.bytes)
  }))

test('a part may come in stretches, with the same file as the result; a gap is refused', () =>
  withPackedFile(async (path, layout) => {
    const other = `${path}.other`
    const writer = await createPackedFile(other, layout, METADATA)
    for (const [i, part] of layout.parts.entries()) {
      const bytes = content(layout, i)
      assert.is(await writer.write(part, bytes.subarray(0, 64)), undefined)
      await writer.write(part, bytes.subarray(64, 64), 64)
      for (const from of [32, 128]) {
        const refused = await thrownBy(writer.write(part, bytes.subarray(from), from))
        assert.instance(refused, RangeError)
      }
      const known = await writer.write(part, bytes.subarray(64), 64)
      assert.equal(known, checksumsOf(bytes))
    }
    await writer.finish()
    assert.ok((await readFile(other)).equals(await readFile(path)))
  }))

test('any safetensors reader can list it: bytes in the order of the layout, without holes', () =>
  withPackedFile(async (path, layout) => {
    const source = await openLocalFile(path)
    const { tensors, metadata } = await readSafetensors(source)
    await source.close()
    assert.equal(
      tensors.map(({ name, dtype, shape }) => [name, dtype, shape]),
      layout.parts.map(({ name, bytes }) => [name, 'U8', [bytes]]),
    )
    assert.is(metadata.format, 'molm')
    assert.is(metadata.format_version, '1')
    assert.is(metadata.quant, 'q4')
    assert.equal(JSON.parse(metadata.formats), FORMATS)
    assert.is(metadata.source_revision, 'abc123')
    const header = (await readFile(path)).readBigUInt64LE(0)
    assert.is((8n + header) % 64n, 0n)
  }))

test('the file has its name only when it is finished, and an aborted one leaves nothing', () =>
  withLayout(async (layout, dir) => {
    const writer = await createPackedFile(join(dir, 'a.molm.safetensors'), layout, METADATA)
    await writer.write(layout.parts[0], content(layout, 0))
    assert.equal(await readdir(dir), ['a.molm.safetensors.partial'])
    await writer.abort()
    assert.equal(await readdir(dir), [])
    await writer.abort()
  }))

test('a file with a part missing cannot be finished', () =>
  withLayout(async (layout, dir) => {
    const writer = await createPackedFile(join(dir, 'a.molm.safetensors'), layout, METADATA)
    await writer.write(layout.parts[0], content(layout, 0))
    assert.match(String(await thrownBy(writer.finish())), /layers\.0\.dense was never written/)
    await writer.abort()
  }))

test('a missing folder cannot be written to', () =>
  withLayout((layout, dir) => {
    const create = () => createPackedFile(join(dir, 'no', 'a'), layout, METADATA)
    return rejectsWithUserError(create, /cannot be written \(there is no such folder/)
  }))

test('a flipped byte is found, and its part is named', () =>
  withPackedFile(async (path, _, config) => {
    const name = 'layers.1.mlp.3'
    const { offset = 0 } = (await openPackedFile(path)).parts.get(name) ?? {}
    assert.ok(offset > 0)
    const bytes = await readFile(path)
    bytes[offset + 5] ^= 1
    await writeFile(path, bytes)
    const file = await openPackedFile(path)
    checkParts(file, blueprintOf(config))
    await rejectsWithUserError(() => verifyChecksums(file), /layers\.1\.mlp\.3 .*checksum/)
  }))

test('a file truncated anywhere is refused', () =>
  withPackedFile(async (path) => {
    const { size } = await stat(path)
    for (const length of [size - 1, Math.floor(size / 2), 1000, 7, 0]) {
      await truncate(path, length)
      await rejectsWithUserError(() => openPackedFile(path), /model-q4\.molm\.safetensors.*cut short/)
    }
  }))

test('files of other kinds are refused with their kind', async () => {
  await rejectsWithUserError(
    () => openPackedFile(fixturePath('02-base-safetensors-f32/model.safetensors')),
    /ordinary checkpoint/,
  )
  await rejectsWithUserError(
    () => openPackedFile(fixturePath('01-base-bin-f32/pytorch_model.bin')),
    /not a safetensors file/,
  )
  await rejectsWithUserError(() => openPackedFile(fixturePath('nothing')), /no such file/)
})

test('a file of a later format asks for a newer molm', () =>
  withPackedFile(async (path) => {
    await editHeader(path, (header) => header.replace('"format_version":"1"', '"format_version":"4"'))
    await rejectsWithUserError(() => openPackedFile(path), /newer molm \(format 4.*update molm/)
  }))

test('a contradictory header counts as damaged', async () => {
  const edits: [string, string, RegExp][] = [
    ['"quant":"q4"', '"quant":"q5"', /unknown quant q5/],
    ['"format_version":"1"', '"format_version":"x"', /format version/],
    ['\\"head\\":\\"q4\\"', '\\"head\\":\\"q3\\"', /format for its head/],
    ['\\"embedding\\":\\"q8\\"', '\\"embedding\\":\\"q4\\"', /format for its embedding/],
    ['\\"final\\":\\"', '\\"finak\\":\\"', /no checksum of part final/],
  ]
  await withPackedFile(async (path) => {
    const whole = await readFile(path)
    for (const [from, to, pattern] of edits) {
      await writeFile(path, whole)
      await editHeader(path, (header) => {
        assert.ok(header.includes(from), from)
        return header.replace(from, to)
      })
      await rejectsWithUserError(() => openPackedFile(path), pattern)
    }
  })
})

test('a file packed from another config.json is refused before it is used', () =>
  withPackedFile(async (path, layout, config) => {
    const file = await openPackedFile(path)
    const withExperts = (experts: Record<MixtureKind, number[]>) => ({
      ...config,
      mixtures: config.mixtures.map((mixture) => ({ ...mixture, experts: experts[mixture.kind] })),
    })
    const refuses = (other: ModelConfig, pattern: RegExp) =>
      rejectsWithUserError(() => checkParts(file, blueprintOf(other)), pattern)
    await refuses({ ...config, ffnHidden: 256 } as ModelConfig, /layers\.0\.mlp\.0 has \d+ bytes in place of \d+/)
    await refuses(withExperts({ attention: [4, 4, 5], mlp: [8, 8, 8] }), /layers\.2\.attention\.4 is missing/)
    const parts = new RegExp(`${layout.parts.length} parts in place of`)
    await refuses(withExperts({ attention: [4, 4, 4], mlp: [8, 8, 7] }), parts)
    // Planning all of them would take gigabytes and minutes.
    const absurd = withExperts({ attention: [4, 4, 4], mlp: new Array(3).fill(2 ** 24) })
    await refuses(absurd, /layers\.0\.dense has \d+ bytes in place of/)
  }))

test.run()
