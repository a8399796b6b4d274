import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { convertModel, loadModel, pruneModel } from '#molm/index.js'
import { isCrcFast } from '#molm/packing/crc32.js'
import { openPackedFile } from '#molm/packing/packed-file.js'
import { withModel } from '../support/models.js'
import { rejectsWithUserError } from '../support/rejects.js'
import { writeCheckpoint } from '../support/synthetic-checkpoint.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'

const test = suite('a packed model of which bytes were flipped')

const TOKENS = Array.from({ length: 200 }, (_, i) => (i * 7) % 61)

/** Runs `use` with a packed model in `dir`, small enough that a prompt wakes all its experts. */
const withPacked = (use: (dir: string, path: string) => Promise<void>) =>
  inTemporaryFolder(async (dir) => {
    await writeCheckpoint(join(dir, 'checkpoint'), SHAPE)
    const out = join(dir, 'packed')
    const { path } = await convertModel(join(dir, 'checkpoint'), out, { threads: 1 })
    await use(out, path)
  })

/** Flips a bit of the byte in the middle of a part. */
async function flip(path: string, part: string): Promise<void> {
  const { offset = 0, bytes = 0 } = (await openPackedFile(path)).parts.get(part) ?? {}
  const file = await readFile(path)
  file[offset + (bytes >> 1)] ^= 0x10
  await writeFile(path, file)
}

async function forward(dir: string, memory?: number): Promise<Float32Array> {
  return withModel(dir, { threads: 1, memory }, (model) => model.createSession().forward(TOKENS))
}
