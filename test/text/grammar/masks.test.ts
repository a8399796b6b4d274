import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { compareMasks } from './random-masks.js'

const test = suite('masks of grammars')

test('they have exactly the tokens that continue a text of a random grammar', async () => {
  const masks = await compareMasks(350, 7)
  assert.ok(masks > 600, `${masks} masks`)
})

test.run()
