import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { convertModel } from '#molm/index.js'
import { leastBudget } from '#molm/model/weights/bank-plan.js'
import { sameBits } from '../../support/compare.js'
import { fixturePath } from '../../support/fixtures.js'
import { lastLogits } from '../../support/forward-here.js'
import { withLoaded } from '../../support/loaded-model.js'
import { integers } from '../../support/random.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'

const test = suite('experts that two threads read in little memory')

for (const [name, uses] of [
  ['31-olmoe-f32', undefined],
  // Its experts are chosen before attention.
  ['152-smallthinker-window-bf16-sharded', 60 * 5 * 3],
] as const) {
  test(`give the same results as with all in memory: ${name}`, () =>
    inTemporaryFolder(async (folder) => {
      const out = join(folder, 'packed')
      await convertModel(fixturePath(name), out, { quant: 'q4' })
      const tokens = integers(60, 3, 230)
      const whole = await withLoaded(out, {}, ({ model }) => lastLogits(model, tokens, [60]))
      const least = await withLoaded(out, {}, ({ layout }) => leastBudget(layout))
      for (const split of [[60], new Array<number>(60).fill(1)]) {
        await withLoaded(out, { memory: least, threads: 2 }, ({ model, store }) => {
          assert.ok(store.answersRequests)
          sameBits(lastLogits(model, tokens, split), whole, `in ${split.length} batches`)
          const { hits, misses, bytesRead } = store.stats()
          if (!uses || split.length === 1) return
          assert.ok(misses > 100 && bytesRead > 0, `${misses} misses`)
          assert.is(hits + misses, uses)
        })
      }
    }))
}

test.run()
