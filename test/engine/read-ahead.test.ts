import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { ReadAheadData } from '#molm/engine/read-ahead-thread.js'
import { BELL_WORDS, Bell, isHeld, noneHeld, want } from '#molm/weights/residency.js'
import { repositoryPath } from '../support/fixtures.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'

const test = suite('the reading thread')

const BYTES = 64
const THREAD = pathToFileURL(repositoryPath('dist/engine/read-ahead-thread.js'))

/**
 * Three mixtures of two experts each, and the thread after a ring for expert 3, of the second one. The first expert's
 * offset is beyond the end of the file: reading it, which nothing asks for, ends the thread.
 */
function heldAfterRing(wantsMost: boolean): Promise<{ held: number[]; memory: Uint8Array; error: Error }> {
  return inTemporaryFolder(async (folder) => {
    const path = join(folder, 'weights')
    await writeFile(
      path,
      Uint8Array.from({ length: 6 * BYTES }, (_, i) => i / BYTES),
    )
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true })
    const residency = noneHeld(6)
    const bell = new Int32Array(new SharedArrayBuffer(4 * BELL_WORDS))
    const experts = [0, 1, 2, 3, 4, 5].map((id) => {
      const offset = id === 0 ? 1e6 : id * BYTES
      return { mixture: id >> 1, pool: 0, id, bank: 0, bytes: BYTES, offset }
    })
    want(residency, 3)
    bell[Bell.rings] = 1
    bell[Bell.mixture] = 1
    bell[Bell.wantsMost] = wantsMost ? 1 : 0
    const stopped = new Int32Array(new SharedArrayBuffer(4))
    const addresses = new Uint32Array(new SharedArrayBuffer(4 * 6)).map((_, id) => 1024 + id * BYTES)
    const tables = { residency: [residency], addresses: [addresses] }
    const workerData: ReadAheadData = { path, memories: [memory], readsAll: true, ...tables, experts, bell, stopped }
    const [error] = await once(new Worker(THREAD, { workerData }), 'error')
    const held = experts.map(({ id }) => id).filter((id) => isHeld(residency, id))
    return { held, memory: new Uint8Array(memory.buffer), error }
  })
}

test('reads wanted experts first, and none of the next layers if few experts are in use', async () => {
  const { held, memory, error } = await heldAfterRing(false)
  assert.match(error.message, /became shorter/)
  assert.equal(held, [3])
  assert.equal(memory.slice(1024 + 3 * BYTES, 1024 + 4 * BYTES), new Uint8Array(BYTES).fill(3))
})

test('continues with the next layers of the prompt if most experts are in use', async () => {
  const { held, memory } = await heldAfterRing(true)
  assert.equal(held, [3, 4, 5])
  assert.equal(memory.slice(1024 + 4 * BYTES, 1024 + 5 * BYTES), new Uint8Array(BYTES).fill(4))
})

test.run()
