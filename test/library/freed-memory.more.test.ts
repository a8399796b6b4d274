import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { withModel } from '../support/models.js'
import { writeRandomPacked } from '../support/random-packed.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'

const test = suite('the memory of experts that are freed')

test('goes back to the system', () =>
  inTemporaryFolder(async (dir) => {
    const bytes = await writeRandomPacked(dir, 2)
    const rss = () => process.memoryUsage.rss()
    await withModel(dir, { threads: 2 }, async (model) => {
      const session = model.createSession()
      for (let i = 0; (await model.stats()).weightsBytes < bytes; i++) await session.forward([i])
      const full = rss()
      await model.freeExperts()
      const freed = rss()
      await session.forward([5])
      assert.ok(full - freed > 0.5 * bytes, `${full - freed} of ${bytes} bytes are freed`)
    })
  }))

test.run()
