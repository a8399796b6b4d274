import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type * as Molm from '#molm/index.js'
import { fixturePath } from '../../support/fixtures.js'
import { patchedModule, withPatchedLibrary } from '../../support/patched-library.js'
import { thrownBy } from '../../support/rejects.js'

const test = suite('closing an engine')

test('an engine that does not answer is terminated after some seconds, and its requests reject', () =>
  withPatchedLibrary(
    [
      // A request that never ends, and a short time limit.
      { file: 'engine/run/engine.js', from: 'return this.stats();', to: 'for (;;);' },
      { file: 'engine/run/client.js', from: 'CLOSING_MS = 5_000', to: 'CLOSING_MS = 300' },
    ],
    async (folder) => {
      const { loadModel } = await patchedModule<typeof Molm>(folder, 'index.js')
      const model = await loadModel(fixturePath('02-base-safetensors-f32'), { threads: 1 })
      const stats = model.stats().then(
        () => 'answered',
        (error: unknown) => String(error),
      )
      const started = performance.now()
      await Promise.all([model.dispose(), model.dispose()])
      const waited = performance.now() - started
      assert.ok(waited >= 290 && waited < 10_000, `${waited} ms`)
      assert.match(await stats, /disposed/)
      assert.match(String(await thrownBy(model.stats())), /disposed/)
    },
  ))

test.run()
