import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { loadModel, type Model } from '#molm/index.js'
import { outlineModel } from '#molm/library/describe-model.js'
import { listen } from '#molm/server/listen.js'
import type { ModelSource } from '#molm/server/models/source.js'
import { writeRandomPacked } from '../support/random-packed.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { get, post, until } from './served.js'

const test = suite('the memory of an idle model')

test('is given back to the system, in two steps', () =>
  inTemporaryFolder(async (dir) => {
    const bytes = await writeRandomPacked(dir, 3)
    const server = await listen({ port: 0, idleMs: 1_500 })
    const before = process.memoryUsage.rss()
    const models: Model[] = []
    const load: ModelSource['load'] = async ({ memory, signal }) => {
      const model = await loadModel(dir, { threads: 2, memory, signal })
      models.push(model)
      return { model }
    }
    const ask = () => post(server.url, '/v1/completions', { prompt: 'The lantern', max_tokens: 6, temperature: 0 })
    try {
      await server.load([{ outline: await outlineModel(dir), load }])
      const becomes = (state: string) =>
        until(async () => Object.values((await get(server.url, '/health')).body.models)[0] === state, state, 50)
      /** Resident bytes in addition to those before, in parts of the weights. */
      const resident = () => (process.memoryUsage.rss() - before) / bytes
      // Requests keep it awake until all experts have been read in the background.
      await until(async () => {
        await ask()
        return (await models[0].stats()).weightsBytes === bytes
      })
      const full = resident()
      await becomes('sleeping')
      const asleep = resident()
      await becomes('unloaded')
      const gone = resident()
      assert.ok(full > 0.9, `${full} with all weights`)
      assert.ok(asleep < full - 0.6, `${asleep} without experts`)
      assert.ok(gone < 0.25, `${gone} in the end`)
      assert.is((await ask()).status, 200)
    } finally {
      await server.close()
    }
  }))

test.run()
