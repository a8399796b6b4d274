import { once } from 'node:events'
import { readdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type PullOptions, pullModel } from '#molm/index.js'
import { hasPartsOf } from '../support/packed-parts.js'
import { until } from '../support/until.js'
import { planOf, withHub } from '../support/with-hub.js'
import { FIXTURE, factsOf, killedAfter, QUICK, REPO, startPull, WEIGHTS } from './killed-pull.js'

function stagingOf(dir: string): string {
  return join(dir, 'molm', 'models', 'org', 'model', '.molm.partial')
}

/** Pulls until most parts are done, then aborts, which gives the reason and frees the lock. */
async function pullMostOfIt(dir: string): Promise<void> {
  const controller = new AbortController()
  const reason = new Error('enough')
  const onProgress: PullOptions['onProgress'] = ({ done, total }) => done > 0.8 * total && controller.abort(reason)
  try {
    await pullModel(`${REPO}:f32`, { ...QUICK, onProgress, signal: controller.signal })
    assert.unreachable('finished')
  } catch (error) {
    assert.is(error, reason)
  }
  assert.equal(await readdir(join(dir, 'molm', 'locks')), [])
}

test('killed in the middle, a pull resumes later, and fetches at most one tensor twice', async () => {
  await withHub(async (hub, dir) => {
    const repository = await hub.serve(REPO, FIXTURE)
    assert.ok(await killedAfter(hub, 60), 'was not killed')
    assert.equal(await readdir(join(dir, 'molm', 'models', 'org', 'model')), ['.molm.partial'])
    const notes: string[] = []
    const { path } = await pullModel(`${REPO}:f32`, { ...QUICK, onNote: (note) => notes.push(note) })
    assert.match(notes.join('\n'), /resuming an earlier pull, \d+ of \d+ parts are done/)
    const { needed, mayComeTwice } = await factsOf(repository)
    const twice = hub.sentOf(WEIGHTS) - needed
    assert.ok(twice <= mayComeTwice, `${twice} bytes were fetched twice`)
    await hasPartsOf(path, FIXTURE)
  })
})

/** Bytes of the largest file in a folder. */
async function largestIn(dir: string): Promise<number> {
  const names = await readdir(dir, { recursive: true })
  const sizes = names.map((name) =>
    stat(join(dir, name)).then(
      ({ size }) => size,
      () => 0,
    ),
  )
  return Math.max(...(await Promise.all(sizes)))
}

test('killed while it fetches whole files to keep, it appends to them', async () => {
  await withHub(async (hub, dir) => {
    const repository = await hub.serve(REPO, FIXTURE)
    const child = startPull(undefined, { keep: true })
    hub.fault = ({ file, headers }, response, bytes) => {
      if (file !== WEIGHTS || headers.range) return undefined
      response.setHeader('content-length', bytes.length)
      response.write(bytes.subarray(0, 1_500_000))
      void until(async () => (await largestIn(dir)) > 1_000_000).then(() => child.kill('SIGKILL'))
      return true
    }
    await once(child, 'exit')
    hub.fault = undefined
    const before = hub.seen.length
    const { path } = await pullModel(`${REPO}:f32`, { ...QUICK, keep: true })
    const size = repository.files.get(WEIGHTS)?.length ?? 0
    const rest = hub.seen.slice(before).find(({ file, start }) => file === WEIGHTS && start > 1_000_000)
    assert.is(rest?.end, size)
    await hasPartsOf(path, FIXTURE)
  })
})

test('killed while it verifies, it keeps the packed parts', async () => {
  await withHub(async (hub) => {
    const { files } = await hub.serve(REPO, FIXTURE)
    const child = startPull(undefined, { verify: true })
    hub.fault = ({ file, headers }) => {
      if (file === WEIGHTS && !headers.range) child.kill('SIGKILL')
      return undefined
    }
    await once(child, 'exit')
    hub.fault = undefined
    const before = hub.sentOf(WEIGHTS)
    const { path } = await pullModel(`${REPO}:f32`, { ...QUICK, verify: true })
    const size = files.get(WEIGHTS)?.length ?? 0
    assert.ok(hub.sentOf(WEIGHTS) - before < size + 20_000, 'only the header and the whole file, for verification')
    await hasPartsOf(path, FIXTURE)
  })
})

test('a part that a power cut has damaged, and a cut line of the journal, are done again', async () => {
  await withHub(async (hub, dir) => {
    await hub.serve(REPO, FIXTURE)
    await pullMostOfIt(dir)
    const partial = join(stagingOf(dir), 'model-f32.molm.safetensors.partial')
    const bytes = await readFile(partial)
    bytes.fill(0, bytes.length >> 1, (bytes.length >> 1) + 4096)
    await writeFile(partial, bytes)
    const journal = join(stagingOf(dir), 'model-f32.molm.safetensors.journal')
    await writeFile(journal, (await readFile(journal, 'utf8')).slice(0, -20))
    const { path } = await pullModel(`${REPO}:f32`, QUICK)
    await hasPartsOf(path, FIXTURE)
  })
})

test('a process that ends between the last byte and the final name loses nothing', async () => {
  await withHub(async (hub, dir) => {
    const { files } = await hub.serve(REPO, FIXTURE)
    await pullMostOfIt(dir)
    const staged = join(stagingOf(dir), 'model-f32.molm.safetensors')
    await rename(`${staged}.partial`, staged)
    const before = hub.sentOf(WEIGHTS)
    const { path } = await pullModel(`${REPO}:f32`, QUICK)
    assert.ok(hub.sentOf(WEIGHTS) - before < 0.3 * (files.get(WEIGHTS)?.length ?? 0))
    await hasPartsOf(path, FIXTURE)
  })
})

test('a newer commit starts again, and says so', async () => {
  await withHub(async (hub, dir) => {
    const repository = await hub.serve(REPO, FIXTURE)
    await pullMostOfIt(dir)
    repository.commit = 'b'.repeat(40)
    const notes: string[] = []
    const plan = await planOf(`${REPO}:f32`, { onNote: (note) => notes.push(note) })
    assert.match(notes.join('\n'), /earlier pull was of commit aaaaaaa, not bbbbbbb; starting again/)
    assert.equal([plan.commit, plan.partsDone], [repository.commit, 0])
    assert.ok(plan.fetchBytes > 0.9 * (await factsOf(repository)).needed)
  })
})

test.run()
