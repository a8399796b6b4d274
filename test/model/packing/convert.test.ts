import { createHash } from 'node:crypto'
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { localFolder, openCheckpoint } from '#molm/model/checkpoint/checkpoint.js'
import { blueprintOf, layoutOf, parseConfig } from '#molm/model/families/index.js'
import { verifyChecksums } from '#molm/model/packing/format/checksums.js'
import type { Quant } from '#molm/model/packing/format/formats.js'
import { pieceOf } from '#molm/model/packing/format/layout.js'
import { checkParts, openPackedFile } from '#molm/model/packing/format/packed-file.js'
import { findPackedFile } from '#molm/model/packing/format/packed-folder.js'
import { nonFiniteWeights } from '#molm/model/packing/write/checkpoint-warnings.js'
import type { ConvertProgress } from '#molm/model/packing/write/convert.js'
import { convertCheckpoint } from '../../support/convert-checkpoint.js'
import { fixturePath } from '../../support/fixtures.js'
import { readFloats } from '../../support/read-floats.js'
import { markingPack, referencePack } from '../../support/reference-pack.js'
import { rejectsWithUserError, thrownBy } from '../../support/rejects.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'
import { unpackF32 } from '../../support/unpack-tiles.js'

const BASE = fixturePath('01-base-bin-f32')
const OTHER = fixturePath('05-linear-silu-safetensors-f32')
const blueprint = (json: unknown, where: string) => blueprintOf(parseConfig(json, where))
const TOKENIZER = ['merges.txt', 'tokenizer.json', 'tokenizer_config.json', 'vocab.json']

function convert(from: string, to: string, quant: Quant = 'q4') {
  return convertCheckpoint(from, to, { blueprint, quant, pack: markingPack })
}

async function filesOf(dir: string): Promise<string[]> {
  return (await readdir(dir)).sort()
}

test('a checkpoint becomes a folder of packed weights, config and tokenizer', () =>
  inTemporaryFolder(async (dir) => {
    const out = join(dir, 'deep', 'out')
    const { path, bytes, warnings } = await convertCheckpoint(BASE, out, {
      blueprint,
      quant: 'f32',
      pack: referencePack,
    })
    assert.is(path, join(out, 'model-f32.molm.safetensors'))
    assert.equal(warnings, [])
    assert.equal(await filesOf(out), ['config.json', 'merges.txt', 'model-f32.molm.safetensors', ...TOKENIZER.slice(1)])
    assert.ok((await readFile(join(out, 'config.json'))).equals(await readFile(join(BASE, 'config.json'))))

    const packed = await readFile(path)
    assert.is(packed.length, bytes)
    const file = await openPackedFile(path)
    await verifyChecksums(file)
    assert.is(file.metadata.source, '01-base-bin-f32')
    const checkpoint = await openCheckpoint(localFolder(BASE))
    const config = parseConfig(checkpoint.config, BASE)
    checkParts(file, blueprintOf(config))
    const layout = layoutOf(config, file.metadata.formats)
    const part = layout.part('layers.2.attention.1')
    const { offset, bytes: length, rows, cols, kind, sources } = pieceOf(part, 'query')
    const start = (file.parts.get(part.name)?.offset ?? 0) + offset
    const weights = unpackF32(packed.subarray(start, start + length), kind, rows, cols)
    assert.equal(weights, await readFloats(sources[0].view(checkpoint.tensors)))
    await checkpoint.close()
  }))

test('the same checkpoint gives the same bytes', () =>
  inTemporaryFolder(async (dir) => {
    const paths = []
    for (const name of ['a', 'b']) {
      const to = join(dir, name)
      paths.push((await convertCheckpoint(OTHER, to, { blueprint, quant: 'f32', pack: referencePack })).path)
    }
    const [a, b] = await Promise.all(paths.map((path) => readFile(path)))
    assert.ok(a.equals(b))
  }))

test('source and revision are recorded if they are known', () =>
  inTemporaryFolder(async (dir) => {
    const options = { blueprint, quant: 'q8', pack: markingPack, source: 'org/model', revision: 'c0ffee' } as const
    const { metadata } = await openPackedFile((await convertCheckpoint(OTHER, join(dir, 'out'), options)).path)
    assert.is(metadata.source, 'org/model')
    assert.is(metadata.sourceRevision, 'c0ffee')
  }))

test('progress counts every part and ends at the whole', () =>
  inTemporaryFolder(async (dir) => {
    const steps: ConvertProgress[] = []
    await convertCheckpoint(OTHER, join(dir, 'out'), {
      blueprint,
      quant: 'q4',
      pack: markingPack,
      onProgress: (p) => steps.push(p),
    })
    assert.equal(
      steps.map((step) => step.partsDone),
      steps.map((_, i) => i + 1),
    )
    const last = steps[steps.length - 1]
    assert.is(last.part, 'lm_head')
    assert.is(last.partsDone, last.parts)
    assert.is(last.bytesDone, last.bytes)
  }))

test('a folder may have several packings of one model, and one is chosen by name', () =>
  inTemporaryFolder(async (dir) => {
    await convert(BASE, dir, 'q8')
    assert.is(await findPackedFile(dir), join(dir, 'model-q8.molm.safetensors'))
    assert.is(await findPackedFile(dir, 'q4'), undefined)
    await convert(BASE, dir, 'q4')
    assert.is(await findPackedFile(dir, 'q4'), join(dir, 'model-q4.molm.safetensors'))
    await rejectsWithUserError(() => findPackedFile(dir), /several packings.*`quant` q8\|q4/)
  }))

test('a folder without a packed file gives undefined, and a missing folder is an error', async () => {
  assert.is(await findPackedFile(BASE), undefined)
  await rejectsWithUserError(() => findPackedFile(fixturePath('nothing')), /no such folder/)
})

test('packing again replaces the earlier packing', () =>
  inTemporaryFolder(async (dir) => {
    const { path } = await convert(OTHER, dir)
    const before = await readFile(path)
    await convertCheckpoint(OTHER, dir, { blueprint, quant: 'q4', pack: markingPack, source: 'renamed' })
    assert.not.ok((await readFile(path)).equals(before))
    assert.is((await openPackedFile(path)).metadata.source, 'renamed')
    assert.equal(await filesOf(dir), ['config.json', 'model-q4.molm.safetensors'])
  }))

test('another model replaces the earlier one with all its files', () =>
  inTemporaryFolder(async (dir) => {
    await convert(BASE, dir, 'q8')
    await writeFile(join(dir, 'notes.txt'), 'mine')
    await convert(OTHER, dir, 'q4')
    assert.equal(await filesOf(dir), ['config.json', 'model-q4.molm.safetensors', 'notes.txt'])
  }))

test('a folder with other files in it is refused and not changed', () =>
  inTemporaryFolder(async (dir) => {
    await writeFile(join(dir, 'letter.txt'), 'mine')
    await rejectsWithUserError(() => convert(BASE, dir), /already holds other files \(letter\.txt\)/)
    assert.equal(await filesOf(dir), ['letter.txt'])
    await rejectsWithUserError(() => convert(BASE, join(dir, 'letter.txt')), /cannot be written/)
  }))

test('a checkpoint is never packed onto itself', () =>
  inTemporaryFolder(async (dir) => {
    await cp(OTHER, dir, { recursive: true })
    const before = await filesOf(dir)
    await rejectsWithUserError(() => convert(dir, dir), /already holds other files/)
    assert.equal(await filesOf(dir), before)
  }))

test('an aborted conversion leaves nothing behind, not even its folder', () =>
  inTemporaryFolder(async (dir) => {
    const controller = new AbortController()
    const onProgress = ({ partsDone }: ConvertProgress) => partsDone === 5 && controller.abort(new Error('enough'))
    const options = { blueprint, quant: 'q4', pack: markingPack, onProgress, signal: controller.signal } as const
    const aborted = await thrownBy(convertCheckpoint(OTHER, join(dir, 'out'), options))
    assert.is((aborted as Error).message, 'enough')
    assert.equal(await filesOf(dir), [])
  }))

test('a failing conversion keeps the earlier packing', () =>
  inTemporaryFolder(async (dir) => {
    const { path } = await convert(BASE, dir)
    const before = await readFile(path)
    const failing = async () => {
      throw new Error('kernel trouble')
    }
    const failed = await thrownBy(convertCheckpoint(OTHER, dir, { blueprint, quant: 'q4', pack: failing }))
    assert.is((failed as Error).message, 'kernel trouble')
    assert.equal(await filesOf(dir), ['config.json', 'merges.txt', 'model-q4.molm.safetensors', ...TOKENIZER.slice(1)])
    assert.ok((await readFile(path)).equals(before))
  }))

test('the next conversion removes the leftovers of a crash', () =>
  inTemporaryFolder(async (dir) => {
    await mkdir(join(dir, '.molm.partial'))
    await writeFile(join(dir, '.molm.partial', 'model-q8.molm.safetensors.partial'), 'half')
    await convert(OTHER, dir)
    assert.equal(await filesOf(dir), ['config.json', 'model-q4.molm.safetensors'])
  }))

test('licence and model card are copied, other files and folders are not', () =>
  inTemporaryFolder(async (dir) => {
    const from = join(dir, 'from')
    await cp(OTHER, from, { recursive: true })
    for (const name of ['LICENSE', 'LICENSE-data.txt', 'README.md', 'generation_config.json', 'extra.json']) {
      await writeFile(join(from, name), '{}')
    }
    await mkdir(join(from, 'LICENSES'))
    await convert(from, join(dir, 'out'))
    assert.equal(await filesOf(join(dir, 'out')), [
      'LICENSE',
      'LICENSE-data.txt',
      'README.md',
      'config.json',
      'generation_config.json',
      'model-q4.molm.safetensors',
    ])
  }))

test('a README or licence of the user stays; one of an earlier model is removed with it', () =>
  inTemporaryFolder(async (dir) => {
    const [first, second, out] = ['first', 'second', 'out'].map((name) => join(dir, name))
    await cp(OTHER, first, { recursive: true })
    await cp(BASE, second, { recursive: true })
    for (const name of ['LICENSE', 'LICENSE-data.txt', 'README.md'])
      await writeFile(join(first, name), `theirs: ${name}`)
    await writeFile(join(second, 'README.md'), 'of the second')
    const text = (name: string) => readFile(join(out, name), 'utf8')

    await convert(first, out)
    await writeFile(join(out, 'LICENSE'), 'my own')
    await writeFile(join(out, 'LICENSE-of-mine'), 'my own')
    await convert(second, out)
    assert.is(await text('README.md'), 'of the second')
    assert.is(await text('LICENSE'), 'my own')
    assert.is(await text('LICENSE-of-mine'), 'my own')
    assert.not.ok((await filesOf(out)).includes('LICENSE-data.txt'), 'a copy of the first model’s')

    await writeFile(join(out, 'README.md'), 'my notes')
    await convert(second, out, 'q8')
    assert.is(await text('README.md'), 'my notes')
    assert.ok((await filesOf(out)).includes('model-q4.molm.safetensors'), 'the other packing of the same model')
    await convert(first, out)
    assert.is(await text('README.md'), 'my notes')
    assert.is(await text('LICENSE'), 'my own')
    assert.is(await text('LICENSE-data.txt'), 'theirs: LICENSE-data.txt')
  }))

test('companions of any length are copied in pieces', () =>
  inTemporaryFolder(async (dir) => {
    const from = join(dir, 'from')
    await cp(OTHER, from, { recursive: true })
    const readme = Buffer.alloc(9 * 2 ** 20 + 5, 'molm ')
    await writeFile(join(from, 'README.md'), readme)
    const { path } = await convert(from, join(dir, 'out'))
    assert.ok((await readFile(join(dir, 'out', 'README.md'))).equals(readme))
    const { files = {} } = (await openPackedFile(path)).metadata
    assert.is(files['README.md'], createHash('sha256').update(readme).digest('hex'))
    assert.equal(Object.keys(files), ['README.md', 'config.json'])
  }))

test('weights that are not finite cause a warning, one line per tensor', () =>
  inTemporaryFolder(async (dir) => {
    const pack: typeof markingPack = async (request) => ({
      ...(await markingPack(request)),
      nonFinite: request.kind === 'rows' ? 3 : 0,
    })
    const { warnings } = await convertCheckpoint(OTHER, join(dir, 'out'), { blueprint, quant: 'q4', pack })
    assert.is(warnings.length, 1)
    assert.match(warnings[0], /transformer\.wte\.weight has 3 weights that are NaN or infinite/)
  }))

test('of many tensors that are not finite ten have a line each, and one line sums up the others', () => {
  const found = Array.from({ length: 31 }, (_, i) => ({ tensor: `t${i % 30}`, part: 'p', count: 2 }))
  const warnings = nonFiniteWeights(found)
  assert.is(warnings.length, 11)
  assert.match(warnings[0], /^tensor t0 has 4 weights that are NaN/)
  assert.is(warnings[10], '20 more tensors with 40 such weights')
  assert.is(nonFiniteWeights(found.slice(0, 10)).length, 10)
})

test('a checkpoint that does not fit its config.json is refused before anything is written', () =>
  inTemporaryFolder(async (dir) => {
    const from = join(dir, 'from')
    await cp(OTHER, from, { recursive: true })
    const config = JSON.parse(await readFile(join(from, 'config.json'), 'utf8'))
    await writeFile(join(from, 'config.json'), JSON.stringify({ ...config, n_layer: 3 }))
    await rejectsWithUserError(
      () => convert(from, join(dir, 'out')),
      /from: tensor transformer\.h\.2\.ln_1\.weight is missing/,
    )
    assert.equal(await filesOf(dir), ['from'])
  }))

test.run()
