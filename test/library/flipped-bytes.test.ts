import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { isCrcFast } from '#molm/ground/platform/checksums.js'
import { convertModel, type LoadOptions } from '#molm/index.js'
import { graftModel } from '#molm/lab/index.js'
import { openPackedFile } from '#molm/model/packing/format/packed-file.js'
import { sameBits } from '../support/compare.js'
import { withModel } from '../support/models.js'
import { rejectsWithUserError } from '../support/rejects.js'
import { writeCheckpoint } from '../support/synthetic-checkpoint.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'

const test = suite('a packed model with flipped bytes')

const TOKENS = Array.from({ length: 200 }, (_, i) => (i * 7) % 61)

let folder = ''
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'molm-flipped-'))
  await mkdir(join(folder, 'checkpoint'))
  await writeCheckpoint(join(folder, 'checkpoint'), {})
  await convertModel(join(folder, 'checkpoint'), join(folder, 'packed'), { threads: 1 })
  whole = await forward(join(folder, 'packed'))
})
test.after(() => rm(folder, { recursive: true, force: true }))

/** Logits of the packed model without damage. */
let whole: Float32Array

/** Runs `use` with a copy in `dir` of a packed model, so small that a prompt wakes all its experts. */
const withPacked = (use: (dir: string, path: string) => Promise<void>) =>
  inTemporaryFolder(async (dir) => {
    await cp(folder, dir, { recursive: true })
    await use(join(dir, 'packed'), join(dir, 'packed', 'model-q4.molm.safetensors'))
  })

/** Flips a bit of the byte in the middle of a part; a second call restores it. */
async function flip(path: string, part: string): Promise<void> {
  const { offset = 0, bytes = 0 } = (await openPackedFile(path)).parts.get(part) ?? {}
  const file = await readFile(path)
  file[offset + (bytes >> 1)] ^= 0x10
  await writeFile(path, file)
}

function forward(dir: string, options: LoadOptions = {}): Promise<Float32Array> {
  const load = { threads: 1, ...options }
  return withModel(dir, load, async (model) => (await model.createSession().forward(TOKENS)).logits)
}

if (isCrcFast) {
  test('is refused at loading, and the part is named', () =>
    withPacked(async (dir, path) => {
      const { parts } = await openPackedFile(path)
      for (const part of ['layers.0.dense', 'lm_head']) {
        assert.ok(parts.has(part), part)
        await flip(path, part)
        const says = new RegExp(`has a part ${part} that does not match its checksum; pack the model again`)
        await rejectsWithUserError(() => forward(dir), says)
        await flip(path, part)
      }
    }))

  test('is refused when the expert is first used, if experts are checked', () =>
    withPacked(async (dir, path) => {
      for (const part of ['layers.1.attention.2', 'layers.0.mlp.3']) {
        await flip(path, part)
        const says = new RegExp(`has a part ${part} that does not match its checksum; pack the model again`)
        await rejectsWithUserError(() => forward(dir, { checkExperts: true }), says)
        await flip(path, part)
      }
      sameBits(await forward(dir, { checkExperts: true }), whole, 'all bits are restored')
    }))

  test('is refused with a small budget, too', () =>
    withPacked(async (dir, path) => {
      const bytes = await withModel(dir, { threads: 1 }, ({ info }) => info.bytes)
      await flip(path, 'layers.1.mlp.6')
      await rejectsWithUserError(
        () => forward(dir, { memory: bytes - 1, checkExperts: true }),
        /layers\.1\.mlp\.6 that does not match/,
      )
    }))
}

test('no damaged expert gets into another model', () =>
  withPacked(async (dir, path) => {
    await flip(path, 'layers.0.attention.4')
    await rejectsWithUserError(
      () => graftModel(dir, join(dir, '..', 'out'), { from: join(dir, '..', 'checkpoint'), threads: 1 }),
      /layers\.0\.attention\.4 that does not match its checksum/,
    )
  }))

test('a config.json other than the packing’s is refused, even if all shapes fit', () =>
  withPacked(async (dir) => {
    const path = join(dir, 'config.json')
    const text = await readFile(path, 'utf8')
    assert.match(text, /"n_head":2/)
    await writeFile(path, text.replace('"n_head":2', '"n_head":3'))
    await rejectsWithUserError(
      () => forward(dir),
      /config\.json: not the file that model-q4\.molm\.safetensors was packed with/,
    )
  }))

test.run()
