import { once } from 'node:events'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { pullModel } from '#molm/index.js'
import { hasPartsOf } from '../../support/packed-parts.js'
import { until } from '../../support/until.js'
import { planOf, REPO, withHub } from '../../support/with-hub.js'
import { FIXTURE, factsOf, killedAfter, pullMostOfIt, QUICK, startPull, WEIGHTS } from './killed-pull.js'

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

test('killed again and again, it still finishes', async () => {
  await withHub(async (hub, dir) => {
    const repository = await hub.serve(REPO, FIXTURE)
    let goes = 1
    while (await killedAfter(hub, 50)) goes++
    assert.ok(goes > 2, `only ${goes} attempts`)
    const { needed, mayComeTwice } = await factsOf(repository)
    const twice = hub.sentOf(WEIGHTS) - needed
    assert.ok(twice <= (goes - 1) * mayComeTwice, `${twice} bytes were fetched twice in ${goes} attempts`)
    await hasPartsOf(join(dir, 'molm', 'models', 'org', 'model', 'model-f32.molm.safetensors'), FIXTURE)
  })
})

test.run()
