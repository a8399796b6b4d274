import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { ReadAheadData } from '#molm/engine/run/reading/read-ahead-thread.js'
import { BELL_WORDS, Bell, claim, isHeld, noneHeld, vacate, want } from '#molm/model/weights/residency.js'
import { repositoryPath } from '../../support/fixtures.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'

const test = suite('the reading thread')

const BYTES = 64
const THREAD = pathToFileURL(repositoryPath('dist/engine/run/reading/read-ahead-thread.js'))

interface Started {
  data: ReadAheadData
  thread: Worker
}

/**
 * Starts the thread for three mixtures of two experts each, after a ring for expert 3, of the second one. The first
 * expert's offset is beyond the end of the file: reading it, which nothing asks for, ends the thread.
 */
async function start(folder: string, wantsMost: boolean, changes: Partial<ReadAheadData> = {}): Promise<Started> {
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
  const dense = [{ offset: 0, bytes: 2 * BYTES }]
  const own = { path, memories: [memory], readsAll: true, ...tables, experts, dense, bell, stopped }
  const data: ReadAheadData = { ...own, ...changes }
  return { data, thread: new Worker(THREAD, { workerData: data }) }
}

interface AfterRing {
  held: number[]
  memory: Uint8Array
  error: Error
  residency: Int32Array
}

/** State after the thread has ended with an error. */
function heldAfterRing(wantsMost: boolean, changes?: Partial<ReadAheadData>): Promise<AfterRing> {
  return inTemporaryFolder(async (folder) => {
    const { data, thread } = await start(folder, wantsMost, changes)
    const [error] = await once(thread, 'error')
    const [residency] = data.residency
    const held = data.experts.map(({ id }) => id).filter((id) => isHeld(residency, id))
    return { held, memory: new Uint8Array(data.memories[0].buffer), error, residency }
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

test('reads the experts that most tokens choose first, if it knows them', async () => {
  const { held } = await heldAfterRing(false, { readsAlways: true, order: Uint32Array.of(4, 2, 0, 1, 5) })
  assert.equal(held, [2, 3, 4])
})

test('gives back an expert beyond the end of the file, for the engine to report', async () => {
  const { residency } = await heldAfterRing(false)
  assert.ok(claim(residency, 0))
})

test('gives back an expert that is damaged', async () => {
  const damaged = { mixture: 1, pool: 0, id: 3, bank: 0, bytes: BYTES, offset: 3 * BYTES, crc32: '00000000' }
  const { held, error, residency } = await heldAfterRing(true, { experts: [damaged] })
  assert.match(error.message, /damaged expert at 192 of .*weights/)
  assert.equal(held, [])
  assert.ok(claim(residency, 3))
})

test('reads wanted experts and nothing else without room for all, until it is stopped', () =>
  inTemporaryFolder(async (folder) => {
    const { data, thread } = await start(folder, true, { readsAll: false })
    const [residency] = data.residency
    // Rings again and again: an expert that has left memory is wanted once more.
    for (let round = 0; round < 3; round++) {
      while (!isHeld(residency, 3)) await new Promise((resolve) => setTimeout(resolve, 5))
      assert.equal([...residency], [0, 0, 0, residency[3], 0, 0])
      assert.ok(vacate(residency, 3))
      want(residency, 3)
      ring(data.bell)
    }
    Atomics.store(data.stopped, 0, 1)
    ring(data.bell)
    assert.equal(await once(thread, 'exit'), [0])
  }))

test('ends when it is stopped before the first wish', () =>
  inTemporaryFolder(async (folder) => {
    const bell = new Int32Array(new SharedArrayBuffer(4 * BELL_WORDS))
    const { data, thread } = await start(folder, true, { readsLate: true, bell })
    await once(thread, 'online')
    Atomics.store(data.stopped, 0, 1)
    ring(bell)
    assert.equal(await once(thread, 'exit'), [0])
    assert.equal([...data.residency[0]], [0, 0, 0, 1, 0, 0])
  }))

function ring(bell: Int32Array): void {
  Atomics.add(bell, Bell.rings, 1)
  Atomics.notify(bell, Bell.rings)
}

test.run()
