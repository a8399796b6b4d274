import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { pullModel } from '#molm/index.js'
import { hasPartsOf } from '../support/packed-parts.js'
import { withHub } from '../support/with-hub.js'
import { FIXTURE, factsOf, killedAfter, QUICK, REPO, WEIGHTS } from './killed-pull.js'

test('killed at any point, a pull resumes later, and fetches at most one tensor twice', async () => {
  for (const requests of [7, 110]) {
    await withHub(async (hub, dir) => {
      const repository = await hub.serve(REPO, FIXTURE)
      assert.ok(await killedAfter(hub, requests), `was not killed at request ${requests}`)
      const left = await readdir(join(dir, 'molm', 'models', 'org', 'model')).catch(() => [])
      assert.ok(
        left.every((name) => name === '.molm.partial'),
        left.join(' '),
      )
      const { path } = await pullModel(`${REPO}:f32`, QUICK)
      const { needed, mayComeTwice } = await factsOf(repository)
      const twice = hub.sentOf(WEIGHTS) - needed
      assert.ok(twice <= mayComeTwice, `${twice} bytes were fetched twice, killed at ${requests}`)
      await hasPartsOf(path, FIXTURE)
    })
  }
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
