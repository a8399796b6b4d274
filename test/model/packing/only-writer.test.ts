import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { blueprintOf, parseConfig } from '#molm/model/families/index.js'
import { asOnlyWriter } from '#molm/model/packing/write/only-writer.js'
import { convertCheckpoint } from '../../support/convert-checkpoint.js'
import { fixturePath } from '../../support/fixtures.js'
import { markingPack } from '../../support/reference-pack.js'
import { rejectsWithUserError } from '../../support/rejects.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'

const PACKING = {
  blueprint: (json: unknown, where: string) => blueprintOf(parseConfig(json, where)),
  quant: 'q4',
  pack: markingPack,
} as const
const MODELS = [fixturePath('02-base-safetensors-f32'), fixturePath('05-linear-silu-safetensors-f32')]

test('while one process writes into a folder, others are refused with that reason', () =>
  inTemporaryFolder(async (dir) => {
    const out = join(dir, 'deep', 'out')
    await asOnlyWriter(out, async () => {
      await rejectsWithUserError(
        () => asOnlyWriter(out, async () => assert.unreachable()),
        new RegExp(`^writing into ${out} is already under way \\(process ${process.pid}\\)`),
      )
      assert.equal(await readdir(out), ['.molm.lock'])
    })
    assert.equal(await readdir(join(dir, 'deep')), [], 'an empty folder that was made for it is removed')
  }))

test('an existing folder stays, and so do written files', () =>
  inTemporaryFolder(async (dir) => {
    await mkdir(join(dir, 'empty'))
    await asOnlyWriter(join(dir, 'empty'), async () => undefined)
    await asOnlyWriter(join(dir, 'new'), () => writeFile(join(dir, 'new', 'a'), ''))
    assert.equal((await readdir(dir)).sort(), ['empty', 'new'])
    assert.equal(await readdir(join(dir, 'new')), ['a'])
  }))

test('one of several writers of a folder succeeds, and the others report that it is at work', async () => {
  for (let round = 0; round < 10; round++) {
    await inTemporaryFolder(async (dir) => {
      const out = join(dir, 'out')
      const convert = (from: string) => convertCheckpoint(from, out, PACKING)
      const ends = await Promise.allSettled([0, 1, 0, 1, 0, 1].map((model) => convert(MODELS[model])))
      const winners = ends.flatMap(({ status }, index) => (status === 'fulfilled' ? [index % 2] : []))
      for (const end of ends) if (end.status === 'rejected') assert.match(end.reason.message, /already under way/)
      assert.ok(winners.length > 0)
      assert.equal((await readdir(out)).sort(), ['config.json', 'model-q4.molm.safetensors'])
      const config = await readFile(join(out, 'config.json'))
      const isOf = await Promise.all(
        MODELS.map(async (model) => config.equals(await readFile(join(model, 'config.json')))),
      )
      assert.ok(winners.includes(isOf.indexOf(true)))
    })
  }
})

test('a folder that an earlier writer removes is made again', () =>
  inTemporaryFolder(async (dir) => {
    const out = join(dir, 'out')
    // Each leaves the folder empty, so that it is removed at once, perhaps just before the next takes its lock.
    const turns = Array.from({ length: 200 }, () => asOnlyWriter(out, async () => undefined))
    for (const end of await Promise.allSettled(turns)) {
      if (end.status === 'rejected') assert.match(end.reason.message, /already under way/)
    }
    assert.equal(await readdir(dir), [])
  }))

test('an error of writing names the folder', () =>
  inTemporaryFolder(async (dir) => {
    await writeFile(join(dir, 'file'), '')
    await rejectsWithUserError(() => asOnlyWriter(join(dir, 'file', 'out'), async () => {}), /out: cannot be written/)
  }))

if (process.platform === 'linux') {
  test('a folder that cannot be made is refused at once', async () => {
    await rejectsWithUserError(
      () => convertCheckpoint(MODELS[0], '/proc/molm/out', PACKING),
      /\/proc\/molm\/out: cannot be written \(there is no such folder, nor can it be made\)/,
    )
    await rejectsWithUserError(() => asOnlyWriter('/proc', async () => {}), /\/proc: /)
  })
}

test.run()
