import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type ForwardOptions, loadModel } from '#molm/index.js'

/*
 * The type of a result follows the options. The type check of the tests (`npm run check`) fails if an expected error below
 * does not occur, or another one does.
 */

test('the type of a result follows the options', async () => {
  const model = await loadModel('nano', { threads: 2 })
  const session = model.createSession()
  try {
    const routed = await session.forward([5, 6], { routes: true })
    assert.is(routed.routes.length, model.config.layers)
    // @ts-expect-error hidden states were not requested
    assert.throws(() => routed.hidden.length)

    const both = await session.forward([5], { routes: true, hidden: true, logits: 'none' })
    assert.is(both.hidden.length, both.routes.length)

    const plain = await session.forward([5])
    // @ts-expect-error routes were not requested
    assert.throws(() => plain.routes.length)

    const options: ForwardOptions = { routes: true }
    const unsure = await session.forward([5], options)
    // @ts-expect-error the compiler cannot know whether these options request routes
    assert.is(unsure.routes.length, model.config.layers)
    assert.is(unsure.routes?.length, model.config.layers)

    // @ts-expect-error there is no such option
    await session.forward([5], { routes: true, colour: 'red' }).catch(() => undefined)
    // @ts-expect-error there is no such value
    await session.forward([5], { logits: 'some' }).catch(() => undefined)
  } finally {
    await model.dispose()
  }
})

test.run()
