import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { convertModel } from '#molm/index.js'
import { graftModel } from '#molm/lab/index.js'
import { writeCheckpoint } from '../../support/synthetic-checkpoint.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'

const NAMES = '{"format":"molm-atlas"}'

/** Two checkpoints of the same config.json with different weights; the first has an atlas. */
async function twoCheckpoints(dir: string) {
  const [own, other, out] = ['own', 'other', 'out'].map((name) => join(dir, name))
  await Promise.all([own, other].map((path) => mkdir(path)))
  await writeCheckpoint(own, {}, 1)
  await writeCheckpoint(other, {}, 2)
  await writeFile(join(own, 'atlas.json'), NAMES)
  return { own, other, out, atlas: join(out, 'atlas.json') }
}

test('an atlas goes with the packed experts of its model, and not with the experts of another', () =>
  inTemporaryFolder(async (dir) => {
    const { own, other, out, atlas } = await twoCheckpoints(dir)
    await convertModel(own, out, { threads: 1 })
    assert.is(await readFile(atlas, 'utf8'), NAMES)
    await convertModel(own, out, { quant: 'q8', threads: 1 })
    assert.is(await readFile(atlas, 'utf8'), NAMES)
    await convertModel(other, out, { threads: 1 })
    assert.not.ok(existsSync(atlas))
  }))

test('a second packing of a model keeps an atlas that the user made', () =>
  inTemporaryFolder(async (dir) => {
    const { other, out, atlas } = await twoCheckpoints(dir)
    await convertModel(other, out, { threads: 1 })
    await writeFile(atlas, NAMES)
    await convertModel(other, out, { quant: 'q8', threads: 1 })
    assert.ok(existsSync(atlas))
  }))

test('a model made from another has no atlas, not even of an earlier model in its folder', () =>
  inTemporaryFolder(async (dir) => {
    const { own, other, out, atlas } = await twoCheckpoints(dir)
    await graftModel(own, out, { from: other, threads: 1 })
    assert.not.ok(existsSync(atlas))
    await writeFile(atlas, NAMES)
    await graftModel(own, out, { from: other, threads: 1 })
    assert.not.ok(existsSync(atlas))
  }))

test.run()
