import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { pullModel } from '#molm/index.js'
import { hasPartsOf } from '../../support/packed-parts.js'
import { isUnfinished, REPO, withHub } from '../../support/with-hub.js'
import { FIXTURE, factsOf, killedAfter, pullMostOfIt, QUICK, WEIGHTS } from './killed-pull.js'

function stagingOf(dir: string): string {
  return join(dir, 'molm', 'models', 'org', 'model', '.molm.partial')
}

for (const requests of [7, 60, 110]) {
  test(`killed at request ${requests}, a pull resumes later, and fetches at most one tensor twice`, () =>
    withHub(async (hub, dir) => {
      const repository = await hub.serve(REPO, FIXTURE)
      assert.ok(await killedAfter(hub, requests), 'was not killed')
      await isUnfinished(join(dir, 'molm'))
      const notes: string[] = []
      const { path } = await pullModel(`${REPO}:f32`, { ...QUICK, onNote: (note) => notes.push(note) })
      if (requests > 7) assert.match(notes.join('\n'), /resuming an earlier pull, \d+ of \d+ parts are done/)
      const { needed, mayComeTwice } = await factsOf(repository)
      const twice = hub.sentOf(WEIGHTS) - needed
      assert.ok(twice <= mayComeTwice, `${twice} bytes were fetched twice`)
      await hasPartsOf(path, FIXTURE)
    }))
}

test('killed between requests for several tensors, a pull resumes later, and one that verifies starts again and says so', () =>
  withHub(async (hub, dir) => {
    const { files } = await hub.serve(REPO, FIXTURE)
    const options = { ...QUICK, network: { ...QUICK.network, requestBytes: 2 ** 16 } }
    assert.ok(await killedAfter(hub, 20, options), 'was not killed')
    const notes: string[] = []
    const onNote = (note: string) => notes.push(note)
    const verified = await pullModel(`${REPO}:f32`, { ...options, verify: true, onNote })
    assert.match(notes.join('\n'), /`verify` does not resume an interrupted pull; with `keep` a pull resumes/)
    assert.not.match(notes.join('\n'), /resuming/)
    assert.ok(hub.sentOf(WEIGHTS) > 2 * (files.get(WEIGHTS)?.length ?? 0), 'to pack and to verify')
    await hasPartsOf(verified.path, FIXTURE)
    await rm(join(dir, 'molm'), { recursive: true })
    assert.ok(await killedAfter(hub, 20, { ...options, verify: true }), 'was not killed')
    const { path } = await pullModel(`${REPO}:f32`, { ...options, onNote })
    assert.match(notes.join('\n'), /resuming an earlier pull, \d+ of \d+ parts are done/)
    await hasPartsOf(path, FIXTURE)
  }))

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

test.run()
