import { readFile } from 'node:fs/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { measureFewerExperts } from '#molm/lab/index.js'
import { fixturePath } from '../../support/fixtures.js'
import { withModel } from '../../support/models.js'
import { rejectsWithUserError } from '../../support/rejects.js'

test('a search within a budget finds numbers that are no worse than the same in every layer', async () => {
  const text = (await readFile(fixturePath('texts/dialogue.txt'), 'utf8')).slice(0, 6000)
  const texts = [{ name: 'dialogue.txt', text }]
  await withModel('nano', { threads: 2 }, async (model) => {
    const { points, found } = await measureFewerExperts(model, texts, { budget: 0.5, speed: false })
    const last = points[points.length - 1]
    assert.equal(last.numbers, found)
    assert.ok(last.expertShare <= 0.5, `${last.expertShare}`)
    for (const [kind, most] of [
      ['attention', 2],
      ['mlp', 4],
    ] as const) {
      assert.is(found?.[kind]?.length, 6)
      assert.ok(found?.[kind]?.every((number) => number >= 1 && number <= most))
    }
    const others = points.slice(0, -1).filter(({ expertShare }) => expertShare <= 0.5)
    assert.ok(others.length > 1)
    const least = Math.min(...others.map(({ loss }) => loss.nats))
    // The text of the search is another part.
    assert.ok(last.loss.nats <= least + 0.05, `${last.loss.nats}, above ${least}`)
    await rejectsWithUserError(
      () => measureFewerExperts(model, texts, { budget: 0.2 }),
      /^a budget of 20 % is too small: with the fewest experts, a token reads 32.5 %$/,
    )
  })
})

test.run()
