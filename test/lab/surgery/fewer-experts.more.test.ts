import { readFile } from 'node:fs/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { measureFewerExperts } from '#molm/index.js'
import { fixturePath } from '../../support/fixtures.js'
import { withModel } from '../../support/models.js'
import { rejectsWithUserError } from '../../support/rejects.js'

test('a search within a budget finds better numbers than one MLP expert in every layer', async () => {
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
    // Two attention experts and one of the MLP read about as many bytes.
    const same = points.find(({ expertShare }) => Math.abs(expertShare - 0.47) < 0.01)
    assert.ok(same && last.loss.nats < same.loss.nats, `${last.loss.nats}, not below ${same?.loss.nats}`)
    await rejectsWithUserError(
      () => measureFewerExperts(model, texts, { budget: 0.2 }),
      /^a budget of 20 % is too small: with the fewest experts, a token reads 32.5 %$/,
    )
  })
})

test.run()
