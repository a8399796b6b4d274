import { execFileSync } from 'node:child_process'
import { open, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { readBounded } from '#molm/ground/files/bounded-file.js'
import { readText } from '#molm/lab/index.js'
import { rejectsWithUserError } from '../../support/rejects.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'

const test = suite('reading a file up to a limit')
const onPosix = process.platform === 'win32' ? test.skip : test

const MOST = 2 ** 20

test('returns a file within the limit, and refuses a larger one with its size', () =>
  inTemporaryFolder(async (dir) => {
    const path = join(dir, 'a')
    const bytes = Buffer.alloc(MOST, 'abc')
    await writeFile(path, bytes)
    assert.equal(await readBounded(path, MOST, 'x'), bytes)
    await writeFile(path, 'x', { flag: 'a' })
    await rejectsWithUserError(
      () => readBounded(path, MOST, 'cut it'),
      /a: has 1\.05 MB, at most 1 MiB are read; cut it/,
    )
    await truncate(path, 3e9)
    await rejectsWithUserError(() => readText(path), /a: has 3\.00? GB, at most 256 MiB are read; cut it into several/)
    await rejectsWithUserError(() => readBounded(join(dir, 'b'), MOST, 'x'), /b: no such file/)
    await rejectsWithUserError(() => readBounded(dir, MOST, 'x'), /is a folder, not a file/)
  }))

onPosix('refuses a file without an end', async () => {
  await rejectsWithUserError(
    () => readBounded('/dev/zero', MOST, 'cut it'),
    /^\/dev\/zero: has more than 1 MiB, at most 1 MiB are read; cut it$/,
  )
})

onPosix('reads a pipe', () =>
  inTemporaryFolder(async (dir) => {
    const pipe = join(dir, 'pipe')
    execFileSync('mkfifo', [pipe])
    const [text] = await Promise.all([readText(pipe), writeFile(pipe, 'The lantern is lit.')])
    assert.equal(text, { name: pipe, text: 'The lantern is lit.' })
  }),
)

onPosix('takes no more memory for a file that arrives in small pieces', () =>
  inTemporaryFolder(async (dir) => {
    const pipe = join(dir, 'pipe')
    execFileSync('mkfifo', [pipe])
    const memory = () => process.memoryUsage().arrayBuffers
    const [pieces, before] = [128, memory()]
    // The capacity of a pipe, so every piece is read separately.
    const piece = Buffer.alloc(2 ** 16, 'abc')
    let most = 0
    const write = async () => {
      const file = await open(pipe, 'w')
      for (let i = 0; i < pieces; i++) {
        await file.write(piece)
        most = Math.max(most, memory() - before)
      }
      await file.close()
    }
    const [bytes] = await Promise.all([readBounded(pipe, 16 * MOST, 'x'), write()])
    assert.ok(bytes.equals(Buffer.concat(Array(pieces).fill(piece))))
    assert.ok(most < 3 * bytes.length, `${most} bytes of memory for ${bytes.length}`)
  }),
)

test.run()
